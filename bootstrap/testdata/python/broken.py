def handler(event, context)
