# frozen_string_literal: true

require 'json'
require 'logger'

module LambkinRuntime
  # Log records in Lambda's two formats, each with the request id of the invocation it belongs to.
  module Logs
    REQUEST_ID = :lambkin_request_id
    private_constant :REQUEST_ID

    # Gives every Logger made without a formatter of its own the platform's.
    def self.install(env)
      json = env['AWS_LAMBDA_LOG_FORMAT'] == 'JSON'
      formatter = json ? JSONFormatter.new : TextFormatter.new
      level = level_of(env['AWS_LAMBDA_LOG_LEVEL'])
      @json = json
      Logger.prepend(defaults(formatter, json ? level : nil))
    end

    # Threads serve invocations side by side; each has its own id, and the threads that it starts inherit none.
    def self.request_id=(id)
      Thread.current.thread_variable_set(REQUEST_ID, id)
    end

    def self.request_id
      Thread.current.thread_variable_get(REQUEST_ID)
    end

    # Writes the error that ended an invocation, as one record.
    def self.failure(document)
      record = { timestamp: timestamp(Time.now), level: 'ERROR', requestId: request_id, **document }
      return puts(JSON.generate(record)) if @json

      puts "Error raised from handler method\t#{request_id}\t#{JSON.generate(document)}"
    end

    def self.timestamp(time)
      time.getutc.strftime('%Y-%m-%dT%H:%M:%S.%LZ')
    end

    def self.level_of(name)
      Logger::Severity.const_get({ 'TRACE' => 'DEBUG' }.fetch(name, name)) if name
    rescue NameError
      nil
    end

    def self.defaults(formatter, level)
      Module.new do
        define_method(:initialize) do |*args, **options|
          options[:formatter] ||= formatter
          options[:level] ||= level if level
          super(*args, **options)
        end
      end
    end
    private_class_method :level_of, :defaults

    # Ruby's own format with the request id before the program's name.
    class TextFormatter < Logger::Formatter
      def call(severity, time, progname, message)
        line = format('%<s>s, [%<t>s #%<p>d] %<severity>5s -- %<id>s: %<name>s: %<message>s',
                      s: severity[0], t: Logs.timestamp(time), p: Process.pid, severity: severity,
                      id: Logs.request_id, name: progname, message: msg2str(message))
        # A line feed would end the record.
        "#{line.tr("\n", "\r")}\n"
      end
    end

    # One JSON object per record.
    class JSONFormatter
      def call(severity, time, progname, message)
        record = { timestamp: Logs.timestamp(time), level: severity, requestId: Logs.request_id, logger: progname }
        "#{JSON.generate(record.compact.merge(fields(message)))}\n"
      end

      private

      def fields(message)
        return { message: message } unless message.is_a?(Exception)

        { message: message.message, errorType: message.class.name, errorMessage: message.message,
          stackTrace: message.backtrace || [] }
      end
    end
  end
end
