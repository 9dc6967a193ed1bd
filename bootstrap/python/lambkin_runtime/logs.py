"""Log records in Lambda's two formats, each with the request id of the invocation it belongs to."""

import json
import logging
import sys
import time

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "aws_request_id", "tenant_id"}


class Log:
    """Writes the runtime's own records, and gives the root logger its handler."""

    def __init__(self, environ, stream=None):
        self._stream = stream or sys.stdout
        self._json = environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
        self._level = environ.get("AWS_LAMBDA_LOG_LEVEL", "")
        self.request_id = None
        self.tenant_id = None

    def install(self):
        """Sends everything that is logged through the logging module to standard output."""
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(JSONFormatter() if self._json else TextFormatter())
        handler.addFilter(self._mark)
        root = logging.getLogger()
        root.addHandler(handler)
        level = {"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(self._level, self._level)
        if self._json and isinstance(logging.getLevelName(level), int):
            root.setLevel(level)

    def failure(self, document):
        """Writes the error that ended an invocation, as one record."""
        if self._json:
            self._write(json.dumps(self._failure_fields(document), ensure_ascii=False))
            return
        lines = ["[ERROR] %s: %s" % (document["errorType"], document["errorMessage"])]
        if document["stackTrace"]:
            lines += ["Traceback (most recent call last):", *document["stackTrace"]]
        # A line feed would end the record.
        self._write("\n".join(lines).replace("\n", "\r"))

    def note(self, message):
        """Writes a warning of the runtime itself."""
        logging.getLogger("lambkin").warning("%s", message)

    def flush(self):
        """Hands everything that was printed to the platform before the answer does."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()

    def _mark(self, record):
        record.aws_request_id = self.request_id
        record.tenant_id = self.tenant_id
        return True

    def _write(self, line):
        self._stream.write(line + "\n")
        self._stream.flush()

    def _failure_fields(self, document):
        return {
            "timestamp": _timestamp(time.time()),
            "level": "ERROR",
            "requestId": document["requestId"],
            "errorType": document["errorType"],
            "errorMessage": document["errorMessage"],
            "stackTrace": document["stackTrace"],
        }


class TextFormatter(logging.Formatter):
    """[LEVEL] <tab> time <tab> request id <tab> message."""

    def format(self, record):
        """One line; line feeds of the message become carriage returns so that the record stays one."""
        line = "[%s]\t%s\t%s\t%s" % (
            record.levelname,
            _timestamp(record.created, millis=True),
            getattr(record, "aws_request_id", None) or "",
            _text(self, record),
        )
        return line.replace("\n", "\r")


class JSONFormatter(logging.Formatter):
    """One JSON object per record, with whatever the caller passed as extra."""

    def format(self, record):
        """The record as JSON; values that JSON does not know appear as their repr."""
        fields = {
            "timestamp": _timestamp(record.created),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": getattr(record, "aws_request_id", None),
            "tenantId": getattr(record, "tenant_id", None),
            **self._error(record),
        }
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in fields}
        present = {name: value for name, value in fields.items() if value is not None}
        return json.dumps({**present, **extra}, default=repr, ensure_ascii=False)

    def _error(self, record):
        if not record.exc_info or record.exc_info[0] is None:
            return {}
        error_type, error, _ = record.exc_info
        return {
            "errorType": error_type.__name__,
            "errorMessage": str(error),
            "stackTrace": self.formatException(record.exc_info).split("\n"),
            "location": "%s:%s:%s" % (record.pathname, record.funcName, record.lineno),
        }


def _text(formatter, record):
    parts = [record.getMessage()]
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)


def _timestamp(seconds, millis=False):
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    fraction = ".%03d" % (seconds % 1 * 1000) if millis else ""
    return text + fraction + "Z"
