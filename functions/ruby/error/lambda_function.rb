# What a handler raises becomes the error that the caller sees; "lambkin invoke" then ends with exit code 3.
class InvalidAmount < StandardError; end

def lambda_handler(event:, context:)
  raise InvalidAmount, 'amount must be positive' unless event['amount'].positive?

  { paid: event['amount'] }
end
