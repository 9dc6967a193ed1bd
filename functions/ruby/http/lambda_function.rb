require 'json'

# Answers plain HTTP requests (function URL, HTTP API): event and answer have payload format 2.0.
def lambda_handler(event:, context:)
  order = JSON.parse(event['body'] || '{}')
  {
    statusCode: 201,
    headers: { 'content-type' => 'application/json' },
    body: JSON.generate(
      method: event['requestContext']['http']['method'],
      path: event['rawPath'],
      quantity: order.fetch('quantity', 0)
    )
  }
end
