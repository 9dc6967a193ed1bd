"""The calls of the Runtime API 2018-06-01, over one connection that no proxy setting touches."""

import http.client
import json
import platform
import re

PREFIX = "/2018-06-01/runtime"
USER_AGENT = "lambkin-python/" + platform.python_version()
JSON = "application/json"


class NotAccepted(Exception):
    """The platform did not want an answer: too large, too late, or of an invocation it does not know."""


class Message:
    """An event as it came: headers with lower-case names, and the body's bytes."""

    def __init__(self, headers, body):
        self.headers = headers
        self.body = body

    @property
    def request_id(self):
        """The id that caller, log and platform share."""
        return self.headers.get("lambda-runtime-aws-request-id", "")


class RuntimeAPI:
    """A client for one worker; it is not safe for concurrent use."""

    def __init__(self, address):
        # No timeout: an idle environment may wait for its next event for hours.
        self._connection = http.client.HTTPConnection(address, timeout=None)

    def next(self):
        """Waits, without limit, for the next event."""
        status, headers, body = self._call("GET", "/invocation/next", None, {})
        if status != 200:
            raise ConnectionError("GET next: status %d" % status)
        return Message(headers, body)

    def respond(self, request_id, body, content_type):
        """Sends a result."""
        self._post("/invocation/%s/response" % request_id, body, {"Content-Type": content_type})

    def fail(self, request_id, document):
        """Sends the error an invocation ended with."""
        self._report("/invocation/%s/error" % request_id, document)

    def init_error(self, document):
        """Says that the function could not be loaded."""
        self._report("/init/error", document)

    def _report(self, path, document):
        headers = {"Content-Type": JSON}
        headers.update(_error_type_header(document["errorType"]))
        self._post(path, json.dumps(document).encode(), headers)

    def _post(self, path, body, headers):
        status, _, reply = self._call("POST", path, body, headers)
        if status != 202:
            raise NotAccepted("status %d %s" % (status, reply[:512].decode("utf-8", "replace").strip()))

    def _call(self, method, path, body, headers):
        try:
            self._connection.request(method, PREFIX + path, body, {"User-Agent": USER_AGENT, **headers})
            reply = self._connection.getresponse()
            return reply.status, _utf8(reply.getheaders()), reply.read()
        except (OSError, http.client.HTTPException) as error:
            # A connection that broke in the middle cannot carry another call; the next one opens a fresh one.
            self._connection.close()
            raise ConnectionError("%s %s: %s" % (method, path, error)) from error


def _utf8(headers):
    """http.client reads header values as Latin-1; the platform sends UTF-8."""
    return {name.lower(): value.encode("latin-1").decode("utf-8", "replace") for name, value in headers}


def _error_type_header(error_type):
    """The header that tells telemetry, not the caller, what kind of failure it was."""
    value = error_type if error_type.startswith("Runtime.") else "Function." + error_type
    if re.fullmatch(r"[A-Za-z.]{1,128}", value):
        return {"Lambda-Runtime-Function-Error-Type": value}
    return {}
