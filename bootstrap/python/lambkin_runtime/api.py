"""The calls of the Runtime API 2018-06-01, over one connection that no proxy setting touches."""

import json
import re
import sys

from .wire import Connection

PREFIX = "/2018-06-01/runtime"
USER_AGENT = "lambkin-python/%d.%d.%d" % sys.version_info[:3]
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
        self._connection = Connection(address)

    def next(self):
        """Waits, without limit, for the next event."""
        status, headers, body = self._call("GET", "/invocation/next", {}, b"")
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
        status, _, reply = self._call("POST", path, headers, body)
        if status != 202:
            raise NotAccepted("status %d %s" % (status, reply[:512].decode("utf-8", "replace").strip()))

    def _call(self, method, path, headers, body):
        return self._connection.call(method, PREFIX + path, {"User-Agent": USER_AGENT, **headers}, body)


def _error_type_header(error_type):
    """The header that tells telemetry, not the caller, what kind of failure it was."""
    value = error_type if error_type.startswith("Runtime.") else "Function." + error_type
    if re.fullmatch(r"[A-Za-z.]{1,128}", value):
        return {"Lambda-Runtime-Function-Error-Type": value}
    return {}
