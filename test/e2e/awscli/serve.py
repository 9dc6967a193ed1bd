"""Runs command lines of the AWS CLI without the second of processor time that each takes to load it.

    serve.py SOCKET    loads the CLI, and runs a copy of itself for each command line that ./call sends, until its input ends

What runs is AWS's own program, which has seen nothing of other command lines.
"""

import gc
import json
import os
import select
import signal
import socket
import sys

# What says that there are profiles, which the CLI reads when it is loaded.
PROFILES = {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"}


def serve(path):
    load, loaded, environment = prepare()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever wants to know how a copy ends waits at the socket
    gc.disable()  # no copy lives long enough to have garbage, and looking for it would copy what they share
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            caller, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                answer(caller, load, loaded, environment)
            caller.close()


def prepare():
    """Gives what loads the CLI, the CLI loaded without profiles, and what Python and loading it add to the environment."""
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    before = os.environ.keys() - {"LC_CTYPE"}  # Python sets it where the locale is C (PEP 538)
    from awscli.clidriver import create_clidriver
    from botocore.session import Session

    loaded = create_clidriver()
    loaded.main(["lambda", "get-function", "--generate-cli-skeleton"])
    other = Session()  # the data that clients are made of is read once, and nothing else kept of this one
    other.register_component("data_loader", loaded.session.get_component("data_loader"))
    other.create_client("lambda", "us-east-1", aws_access_key_id="-", aws_secret_access_key="-")
    sys.stdout.flush()  # or each copy would print it
    return create_clidriver, loaded, {name: value for name, value in os.environ.items() if name not in before}


def answer(caller, load, loaded, environment):
    size, files, _, _ = socket.recv_fds(caller, 8, 3)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    words, directory, variables = json.loads(caller.recv(int(size, 16), socket.MSG_WAITALL))
    variables = dict(variable.split("=", 1) for variable in variables)
    os.environ.clear()
    os.environ.update(variables | environment)
    os.chdir(directory)
    if PROFILES & variables.keys() or os.path.exists(os.path.expanduser("~/.aws")):
        loaded = load()
    code = 255
    try:
        code = loaded.main(words)
    except SystemExit as end:
        code = end.code
    except Exception:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.sendall(b"%d" % (code or 0))
        os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
