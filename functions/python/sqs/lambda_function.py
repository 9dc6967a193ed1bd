"""Works off a batch of SQS messages. Only those that failed are reported, so only they come again."""

import json


def work(message):
    order = json.loads(message)
    print("order", order["order"], "quantity", order["quantity"])


def lambda_handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            work(record["body"])
        except (ValueError, KeyError) as fault:
            print("message", record["messageId"], "failed:", fault)
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
