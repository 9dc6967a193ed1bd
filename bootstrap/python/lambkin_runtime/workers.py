"""Several worker processes, each serving one event at a time, and a parent that replaces those that die."""

import os
import select
import signal
import sys

from .failure import exit_document


class _Worker:
    """A forked process and the pipe over which it says what it is working on."""

    def __init__(self, serve):
        self.reader, writer = os.pipe()
        self.request_id = None  # None until the first event: until then the worker is initializing
        self._partial = b""
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.reader)
            _child(serve, writer)
        os.close(writer)

    def read(self):
        """Takes in what the worker says; False when it is gone."""
        data = os.read(self.reader, 4096)
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        if lines:
            self.request_id = lines[-1].decode()
        return bool(data)

    def wait(self):
        """Collects the dead process and gives its wait status."""
        os.close(self.reader)
        return os.waitpid(self.pid, 0)[1]


def supervise(count, serve, report):
    """Keeps count workers running until one cannot initialize; gives that one's exit code.

    serve(on_invocation) is the life of a worker. report(request_id, document) ends the invocation that a dead worker
    leaves behind, which AWS's client lets run into its timeout.
    """
    signal.signal(signal.SIGTERM, _stop)
    workers = {}
    try:
        for _ in range(max(1, count)):
            _add(workers, serve)
        return _watch(workers, serve, report)
    finally:
        for worker in workers.values():
            os.kill(worker.pid, signal.SIGKILL)


def _watch(workers, serve, report):
    while True:
        for reader in select.select(list(workers), [], [])[0]:
            if workers[reader].read():
                continue
            worker = workers.pop(reader)
            status = worker.wait()
            if worker.request_id is None:
                return os.waitstatus_to_exitcode(status) or 1
            if worker.request_id:
                _report(report, worker.request_id, status)
            _add(workers, serve)


def _report(report, request_id, status):
    try:
        report(request_id, exit_document(request_id, _reason(status)))
    except Exception as error:  # the platform may have ended the invocation already
        print("worker's end was not accepted: %s" % error, file=sys.stderr)


def _reason(status):
    if os.WIFSIGNALED(status):
        return "signal: %s" % signal.strsignal(os.WTERMSIG(status)).lower()
    return "exit status %d" % os.WEXITSTATUS(status)


def _add(workers, serve):
    worker = _Worker(serve)
    workers[worker.reader] = worker


def _child(serve, writer):
    """Runs a worker in a fresh process; never returns, so that the parent's code does not run twice."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    code = 1
    try:
        code = serve(lambda request_id: os.write(writer, request_id.encode() + b"\n"))
    except BrokenPipeError:
        pass  # the parent has gone, and with it all reason to go on
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _stop(_signal, _frame):
    sys.exit(0)
