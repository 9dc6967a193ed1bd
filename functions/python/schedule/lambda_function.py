def lambda_handler(event, context):
    print("scheduled by", event["resources"][0])
    return {"ran": event["time"], "requestId": context.aws_request_id}
