from greetings import greet  # comes out of the layer, from /opt/python


def lambda_handler(event, context):
    return {"greeting": greet(event["name"])}
