def lambda_handler(event:, context:)
  puts "greeting #{context.aws_request_id}"
  { greeting: "Hello, #{event.fetch('name', 'world')}, from Ruby!" }
end
