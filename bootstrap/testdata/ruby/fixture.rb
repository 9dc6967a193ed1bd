# frozen_string_literal: true

# The functions of the protocol suite; package protocoltest says what each has to do.
require 'fileutils'
require 'logger'
require 'stringio'

LOGGER = Logger.new($stdout)

def echo(event:, context:) = event

def nothing(event:, context:) = nil

def fail(event:, context:) = raise('boom')

def large(event:, context:) = 'x' * event['size']

def context(event:, context:)
  {
    requestId: context.aws_request_id,
    arn: context.invoked_function_arn,
    name: context.function_name,
    version: context.function_version,
    memory: context.memory_limit_in_mb,
    group: context.log_group_name,
    stream: context.log_stream_name,
    tenant: context.tenant_id,
    remaining: context.get_remaining_time_in_millis,
    custom: context.client_context&.dig('custom', 'k'),
    identity: context.identity&.fetch('cognitoIdentityId')
  }
end

def trace(event:, context:) = ENV.fetch('_X_AMZN_TRACE_ID', nil)

def count(event:, context:)
  @calls = @calls.to_i + 1
end

def binary(event:, context:) = StringIO.new((0..255).to_a.pack('C*'))

def log(event:, context:)
  LOGGER.info('below the level')
  LOGGER.warn(event['text'])
  nil
end

def meet(event:, context:)
  FileUtils.touch(event['mine'])
  sleep 0.005 until File.exist?(event['peer'])
  context.aws_request_id
end

def exit(event:, context:) = Process.exit!(3)
