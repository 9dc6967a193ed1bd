"""The Python client of the Lambda Runtime API (Python 3.9 or later, standard library only).

It loads the handler named by _HANDLER (or by the first argument, as container images do), then serves events until the
platform stops it. AWS_LAMBDA_MAX_CONCURRENCY=N makes it serve N events at once in N processes, as AWS's client does:
handlers that are not thread-safe stay right, and no interpreter lock is shared.
"""

import os
import sys

from lambkin_runtime import workers
from lambkin_runtime.api import RuntimeAPI
from lambkin_runtime.loop import run


def prepare_path(environ):
    """Puts the function and its layers where Lambda has them, and takes our own folder out of the user's way."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    version = "python%d.%d" % sys.version_info[:2]
    layers = ["/opt/python/lib/%s/site-packages" % version, "/opt/python"]
    task_root = environ.get("LAMBDA_TASK_ROOT", os.getcwd())
    sys.path[:0] = [task_root] + [folder for folder in layers if folder not in sys.path]


def main(argv, environ):
    """Runs until the platform goes away; gives the exit code."""
    handler = argv[1] if len(argv) > 1 else environ.get("_HANDLER", "")
    address = environ.get("AWS_LAMBDA_RUNTIME_API")
    if not address:
        print("AWS_LAMBDA_RUNTIME_API is not set: want host:port", file=sys.stderr)
        return 1
    prepare_path(environ)
    if "AWS_LAMBDA_MAX_CONCURRENCY" not in environ:
        return run(RuntimeAPI(address), handler, environ)
    return workers.supervise(
        int(environ["AWS_LAMBDA_MAX_CONCURRENCY"]),
        lambda on_invocation: run(RuntimeAPI(address), handler, environ, on_invocation),
        lambda request_id, document: RuntimeAPI(address).fail(request_id, document),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv, os.environ))
