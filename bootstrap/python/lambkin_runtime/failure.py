"""What goes wrong in a function, in the words and the JSON form that Lambda's callers know."""

import os
import traceback

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))


class Failure(Exception):
    """A failure that the runtime, not the handler, found. Its type is one of Lambda's Runtime.* names."""

    def __init__(self, error_type, message, trace=None):
        super().__init__(message)
        self.error_type = error_type
        self.trace = trace if trace is not None else []


def document_of(error, request_id):
    """The error as the Runtime API takes it."""
    if isinstance(error, Failure):
        return _document(str(error), error.error_type, request_id, error.trace)
    return _document(str(error), type(error).__name__, request_id, user_frames(error))


def exit_document(request_id, reason):
    """The error of an invocation whose process went away."""
    message = "RequestId: %s Error: Runtime exited with error: %s" % (request_id, reason)
    return _document(message, "Runtime.ExitError", request_id, [])


def user_frames(error):
    """The stack from the user's first frame on: ours and importlib's only say that we called it."""
    frames = traceback.extract_tb(error.__traceback__)
    while frames and _is_ours(frames[0].filename):
        del frames[0]
    return traceback.format_list(frames)


def _is_ours(filename):
    return filename.startswith((_OWN_FOLDER, "<frozen importlib")) or "/importlib/" in filename


def _document(message, error_type, request_id, stack_trace):
    return {
        "errorMessage": message,
        "errorType": error_type,
        "requestId": request_id,
        "stackTrace": stack_trace,
    }
