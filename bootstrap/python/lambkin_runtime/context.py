"""The context object that handlers get as their second argument, with the names AWS documents."""

import json
import sys
import time

from .failure import Failure


class LambdaContext:
    """What a handler is told about its invocation."""

    def __init__(self, message, environ):
        headers = message.headers
        self.aws_request_id = message.request_id
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = _client_context(_parse(headers, "lambda-runtime-client-context"))
        self.identity = CognitoIdentity(_parse(headers, "lambda-runtime-cognito-identity"))
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", "0"))

    def get_remaining_time_in_millis(self):
        """Milliseconds until the platform ends the invocation; never negative."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        """Writes to the log as it is."""
        sys.stdout.write(str(message))

    def __repr__(self):
        shown = ("aws_request_id", "function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb")
        return "LambdaContext([%s])" % ",".join("%s=%s" % (name, getattr(self, name)) for name in shown)


class CognitoIdentity:
    """Who called, if the caller came through Amazon Cognito; else both members are None."""

    def __init__(self, values):
        values = values or {}
        self.cognito_identity_id = values.get("cognitoIdentityId")
        self.cognito_identity_pool_id = values.get("cognitoIdentityPoolId")


class ClientContext:
    """What a mobile app says about itself."""

    def __init__(self, values):
        self.custom = values.get("custom")
        self.env = values.get("env")
        self.client = Client(values["client"]) if values.get("client") else None


class Client:
    """The app that called."""

    def __init__(self, values):
        self.installation_id = values.get("installation_id")
        self.app_title = values.get("app_title")
        self.app_version_name = values.get("app_version_name")
        self.app_version_code = values.get("app_version_code")
        self.app_package_name = values.get("app_package_name")


def _client_context(values):
    return None if values is None else ClientContext(values)


def _parse(headers, name):
    if not headers.get(name):
        return None
    try:
        values = json.loads(headers[name])
    except ValueError as error:
        raise Failure("Runtime.LambdaContextUnmarshalError", "Unable to parse the header %s: %s" % (name, error)) from None
    if not isinstance(values, dict):
        raise Failure("Runtime.LambdaContextUnmarshalError", "Unable to parse the header %s: want an object" % name)
    return values
