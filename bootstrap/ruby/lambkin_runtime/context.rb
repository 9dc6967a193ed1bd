# frozen_string_literal: true

require 'json'
require_relative 'failure'

module LambkinRuntime
  # What a handler is told about its invocation, with the names AWS documents.
  class Context
    attr_reader :aws_request_id, :client_context, :deadline_ms, :function_name, :function_version, :identity,
                :invoked_function_arn, :log_group_name, :log_stream_name, :memory_limit_in_mb, :tenant_id

    def initialize(message, env)
      take_headers(message)
      @function_name = env['AWS_LAMBDA_FUNCTION_NAME']
      @function_version = env['AWS_LAMBDA_FUNCTION_VERSION']
      @memory_limit_in_mb = env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
      @log_group_name = env['AWS_LAMBDA_LOG_GROUP_NAME']
      @log_stream_name = env['AWS_LAMBDA_LOG_STREAM_NAME']
    end

    # Milliseconds until the platform ends the invocation; never negative.
    def get_remaining_time_in_millis # rubocop:disable Naming/AccessorMethodName -- AWS's name
      [deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond), 0].max
    end

    private

    def take_headers(message)
      @aws_request_id = message.request_id
      @deadline_ms = message['lambda-runtime-deadline-ms'].to_i
      @invoked_function_arn = message['lambda-runtime-invoked-function-arn']
      @tenant_id = message['lambda-runtime-aws-tenant-id']
      @client_context = parse(message, 'lambda-runtime-client-context')
      @identity = parse(message, 'lambda-runtime-cognito-identity')
    end

    def parse(message, name)
      message[name] && JSON.parse(message[name])
    rescue JSON::ParserError
      raise Failure.new('Runtime.LambdaContextUnmarshalError', "Unable to parse the header #{name}: not valid JSON")
    end
  end
end
