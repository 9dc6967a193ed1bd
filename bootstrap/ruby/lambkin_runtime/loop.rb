# frozen_string_literal: true

require 'json'
require 'stringio'
require_relative 'api'
require_relative 'context'
require_relative 'failure'
require_relative 'handler'
require_relative 'logs'

module LambkinRuntime
  # The life of a runtime process: load the handler, then take an event, call, answer, again.
  class Loop
    TRACE_ID = '_X_AMZN_TRACE_ID'

    def initialize(env)
      @env = env
      @address = env.fetch('AWS_LAMBDA_RUNTIME_API') { abort 'AWS_LAMBDA_RUNTIME_API is not set: want host:port' }
      @concurrency = [env.fetch('AWS_LAMBDA_MAX_CONCURRENCY', '1').to_i, 1].max
      Logs.install(env)
    end

    # Serves until the platform goes away; gives the exit code.
    def run(handler_name)
      handler = Handler.load(@env.fetch('LAMBDA_TASK_ROOT', Dir.pwd), handler_name)
    rescue *Failure::CATCHABLE => e
      init_failed(e)
    else
      return serve(handler) if @concurrency == 1

      # Whichever thread finds the platform gone speaks for all of them.
      codes = Queue.new
      @concurrency.times { Thread.new { codes << serve(handler) } }
      codes.pop
    end

    private

    def serve(handler)
      api = API.new(@address)
      loop { invoke(api, handler, api.next) }
    rescue API::Gone => e
      warn "Runtime API: #{e.message}"
      1
    end

    def invoke(api, handler, message)
      enter(message)
      body, content_type = marshal(handler.call(unmarshal(message.body), Context.new(message, @env)))
    rescue *Failure::CATCHABLE => e
      document = Failure.document(e, 'Function')
      Logs.failure(document)
      deliver { api.fail(message.request_id, document) }
    else
      deliver { api.respond(message.request_id, body, content_type) }
    end

    def enter(message)
      Logs.request_id = message.request_id
      # The trace id of one invocation must not be seen by another that runs beside it.
      ENV[TRACE_ID] = message['lambda-runtime-trace-id'] if @concurrency == 1
    end

    # A platform that does not want an answer has already told the caller why: a reason to note, not to end.
    def deliver
      yield
    rescue API::NotAccepted => e
      warn "The platform did not accept the answer: #{e.message}"
    end

    def init_failed(error)
      document = Failure.document(error, 'Init')
      Logs.failure(document)
      deliver { API.new(@address).init_error(document) }
      1
    end

    def unmarshal(body)
      JSON.parse(body)
    rescue JSON::ParserError
      # The parser's own text quotes the payload, which must not reach the log.
      raise Failure.new('Runtime.UnmarshalError', 'Unable to unmarshal input: the event is not valid JSON')
    end

    def marshal(result)
      return [result.read, 'application/unknown'] if result.is_a?(IO) || result.is_a?(StringIO)

      [JSON.generate(result), 'application/json']
    rescue JSON::GeneratorError, JSON::NestingError => e
      raise Failure.new('Runtime.MarshalError', "Unable to marshal response: #{e.message}")
    end
  end
end
