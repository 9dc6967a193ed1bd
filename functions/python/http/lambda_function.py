"""Answers plain HTTP requests (function URL, HTTP API): event and answer have payload format 2.0."""

import json


def lambda_handler(event, context):
    order = json.loads(event.get("body") or "{}")
    return {
        "statusCode": 201,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(
            {
                "method": event["requestContext"]["http"]["method"],
                "path": event["rawPath"],
                "quantity": order.get("quantity", 0),
            }
        ),
    }
