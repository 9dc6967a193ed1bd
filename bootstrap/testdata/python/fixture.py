"""The functions of the protocol suite; package protocoltest says what each has to do."""

import logging
import os
import pathlib
import time

_calls = 0


def echo(event, context):
    return event


def nothing(event, context):
    return None


def fail(event, context):
    raise ValueError("boom")


def large(event, context):
    return "x" * event["size"]


def context(event, context):
    custom = context.client_context and context.client_context.custom
    return {
        "requestId": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "group": context.log_group_name,
        "stream": context.log_stream_name,
        "tenant": context.tenant_id,
        "remaining": context.get_remaining_time_in_millis(),
        "custom": custom and custom["k"],
        "identity": context.identity.cognito_identity_id,
    }


def trace(event, context):
    return os.environ.get("_X_AMZN_TRACE_ID")


def count(event, context):
    global _calls
    _calls += 1
    return _calls


def binary(event, context):
    return bytes(range(256))


def log(event, context):
    logging.info("below the level")
    logging.warning(event["text"])


def meet(event, context):
    pathlib.Path(event["mine"]).touch()
    while not pathlib.Path(event["peer"]).exists():
        time.sleep(0.005)
    return context.aws_request_id


def exit(event, context):
    os._exit(3)
