"""The life of one worker: load the handler, then take an event, call, answer, again."""

import json
import os
import sys

from . import handler as handlers
from .api import JSON, NotAccepted
from .context import LambdaContext
from .failure import Failure, document_of
from .logs import Log

TRACE_ID = "_X_AMZN_TRACE_ID"


def run(api, handler_name, environ, on_invocation=lambda request_id: None):
    """Serves until the platform goes away; gives the exit code.

    on_invocation is told the request id when an invocation begins and the empty string when it has ended.
    """
    # The process may be killed at any time: what was printed must not be in a buffer then.
    sys.stdout.reconfigure(line_buffering=True)
    log = Log(environ)
    log.install()
    try:
        handler = handlers.load(handler_name)
    except Exception as error:  # whatever the user's module raises is its init error
        return _init_failed(api, log, error)
    while True:
        try:
            message = api.next()
        except ConnectionError as error:
            print("Runtime API: %s" % error, file=sys.stderr)
            return 1
        on_invocation(message.request_id)
        _Invocation(api, log, message).serve(handler, environ)
        on_invocation("")


def _init_failed(api, log, error):
    document = document_of(error, "")
    log.failure(document)
    try:
        api.init_error(document)
    except (NotAccepted, ConnectionError) as refusal:
        # Of several workers only the first can report; the others fail for the same reason.
        log.note("init error was not accepted: %s" % refusal)
    return 1


class _Invocation:
    """One event on its way through the handler."""

    def __init__(self, api, log, message):
        self._api = api
        self._log = log
        self._message = message

    def serve(self, handler, environ):
        """Calls the handler and delivers what came of it."""
        self._enter()
        try:
            body, content_type = self._call(handler, environ)
        except Exception as error:
            document = document_of(error, self._message.request_id)
            self._log.failure(document)
            self._deliver(self._api.fail, document)
            return
        self._deliver(self._api.respond, body, content_type)

    def _enter(self):
        headers = self._message.headers
        self._log.request_id = self._message.request_id
        self._log.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        os.environ.pop(TRACE_ID, None)
        if headers.get("lambda-runtime-trace-id"):
            os.environ[TRACE_ID] = headers["lambda-runtime-trace-id"]

    def _call(self, handler, environ):
        context = LambdaContext(self._message, environ)
        return _marshal(handler(_unmarshal(self._message.body), context))

    def _deliver(self, send, *args):
        """A platform that does not want an answer has already told the caller why: a reason to note, not to end."""
        self._log.flush()
        try:
            send(self._message.request_id, *args)
        except (NotAccepted, ConnectionError) as refusal:
            self._log.note("The platform did not accept the answer: %s" % refusal)


def _unmarshal(body):
    try:
        return json.loads(body)
    except ValueError as error:
        raise Failure("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % _position(error)) from None


def _position(error):
    """Decoding errors of bytes quote the payload, which must not reach the log."""
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else error


def _marshal(result):
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return _encode(result), JSON
    except (TypeError, ValueError, RecursionError) as error:
        raise Failure("Runtime.MarshalError", "Unable to marshal response: %s" % error) from None


def _encode(result):
    try:
        return json.dumps(result, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Lone surrogates exist in Python strings but not in UTF-8; JSON can still escape them.
        return json.dumps(result).encode()
