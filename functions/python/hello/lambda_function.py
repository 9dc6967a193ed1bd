def lambda_handler(event, context):
    print("greeting", context.aws_request_id)
    return {"greeting": f"Hello, {event.get('name', 'world')}, from Python!"}
