"""HTTP/1.1 as far as the Runtime API needs it, over one kept connection.

http.client would take half of the time in which this client starts, for features that nobody uses here: it loads the
parsers of e-mail and the TLS library.
"""

import socket

MAX_LINE = 1 << 20  # one header line; the platform sends at most a few KB
MAX_HEADERS = 256
MAX_BODY = 1 << 30


class Connection:
    """A connection that is opened when it is needed. One thread may use it."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._address = address
        self._target = (host.strip("[]"), int(port))
        self._socket = None
        self._reader = None

    def call(self, method, path, headers, body=b""):
        """Sends a request and gives status, headers (names in lower case) and body of the answer.

        Every fault of the connection is a ConnectionError, after which the next call opens a fresh one.
        """
        try:
            return self._exchange(method, path, headers, body)
        except (OSError, ValueError) as error:
            self.close()
            raise ConnectionError("%s %s: %s" % (method, path, error or type(error).__name__)) from error

    def close(self):
        """Closes the connection, if there is one."""
        if self._socket is not None:
            self._reader.close()
            self._socket.close()
            self._socket = self._reader = None

    def _exchange(self, method, path, headers, body):
        if self._socket is None:
            self._open()
        self._send(_head(method, path, self._address, headers, body), body)
        status, answer = self._read_head()
        while 100 <= status < 200:  # such as 100 Continue: the answer is still to come
            status, answer = self._read_head()
        content = self._read_body(answer)
        if answer.get("connection", "").lower() == "close":
            self.close()
        return status, answer, content

    def _open(self):
        # No limit of time: an idle environment may wait for its next event for hours.
        self._socket = socket.create_connection(self._target)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")

    def _send(self, head, body):
        try:
            self._socket.sendall(head + body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a platform that refuses a body in the middle has said why; reading finds out

    def _read_head(self):
        version, _, rest = self._line().partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError("the answer is not HTTP/1.1")
        headers = {}
        for _ in range(MAX_HEADERS):
            line = self._line()
            if not line:
                return int(rest[:3]), headers
            name, _, value = line.partition(b":")
            headers[name.decode("latin-1").lower()] = value.strip().decode("utf-8", "replace")
        raise ValueError("the answer has more than %d headers" % MAX_HEADERS)

    def _read_body(self, headers):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        return b""

    def _chunks(self):
        while True:
            size = int(self._line().partition(b";")[0], 16)
            if size == 0:
                break
            yield self._exactly(size)
            self._line()
        while self._line():
            pass  # trailers

    def _exactly(self, size):
        if not 0 <= size <= MAX_BODY:
            raise ValueError("the answer says it has %d bytes" % size)
        data = self._reader.read(size)
        if len(data) < size:
            raise ValueError("the answer ended early")
        return data

    def _line(self):
        line = self._reader.readline(MAX_LINE)
        if not line.endswith(b"\n"):
            raise ValueError("the connection ended" if len(line) < MAX_LINE else "a header is too long")
        return line.rstrip(b"\r\n")


def _head(method, path, host, headers, body):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: " + host]
    lines += ["%s: %s" % item for item in headers.items()]
    if method == "POST":
        lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
