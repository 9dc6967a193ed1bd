# frozen_string_literal: true

require 'json'
require 'net/http'

module LambkinRuntime
  # The calls of the Runtime API 2018-06-01, over one connection that no proxy setting touches. One thread may use it.
  class API
    # The platform did not want an answer: too large, too late, or of an invocation it does not know.
    class NotAccepted < StandardError; end

    # There is no platform any more.
    class Gone < StandardError; end

    # An event as it came: headers with lower-case names, and the body's bytes.
    Message = Struct.new(:headers, :body) do
      def [](name)
        headers[name]
      end

      def request_id
        headers.fetch('lambda-runtime-aws-request-id', '')
      end
    end

    PREFIX = '/2018-06-01/runtime'
    USER_AGENT = "lambkin-ruby/#{RUBY_VERSION}".freeze
    ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type'
    BROKEN = [SystemCallError, IOError, SocketError, Net::ProtocolError, Net::HTTPBadResponse, Timeout::Error].freeze
    # Idle environments wait for hours; no connection of ours is ever too old.
    FOREVER = 10 * 365 * 24 * 3600

    def initialize(address)
      host, _, port = address.rpartition(':')
      @http = Net::HTTP.new(host, port.to_i, nil)
      @http.read_timeout = nil
      @http.write_timeout = nil
      @http.keep_alive_timeout = FOREVER
      @http.max_retries = 0
    end

    # Waits, without limit, for the next event.
    def next
      reply = call(Net::HTTP::Get.new("#{PREFIX}/invocation/next"), nil)
      raise Gone, "GET next: status #{reply.code}" unless reply.code == '200'

      headers = reply.each_header.to_h.transform_values { |value| value.dup.force_encoding(Encoding::UTF_8) }
      Message.new(headers, reply.body.to_s.dup.force_encoding(Encoding::UTF_8))
    rescue *BROKEN => e
      raise Gone, "GET next: #{e.message}"
    end

    def respond(request_id, body, content_type)
      post("/invocation/#{request_id}/response", body, 'Content-Type' => content_type)
    end

    def fail(request_id, document)
      report("/invocation/#{request_id}/error", document)
    end

    def init_error(document)
      report('/init/error', document)
    end

    private

    def report(path, document)
      headers = { 'Content-Type' => 'application/json', **error_type(document[:errorType]) }
      post(path, JSON.generate(document), headers)
    end

    # The header that tells telemetry, not the caller, what kind of failure it was: Function<IOError> as Function.IOError.
    def error_type(type)
      value = type.sub(/\AFunction<(.*)>\z/, 'Function.\1').sub(/\AInit<(.*)>\z/, 'Runtime.\1')
      value.match?(/\A[A-Za-z.]{1,128}\z/) ? { ERROR_TYPE => value } : {}
    end

    def post(path, body, headers)
      reply = call(Net::HTTP::Post.new("#{PREFIX}#{path}", headers), body)
      raise NotAccepted, "status #{reply.code} #{reply.body.to_s[0, 512].strip}" unless reply.code == '202'
    rescue *BROKEN => e
      raise NotAccepted, e.message
    end

    def call(request, body)
      request['User-Agent'] = USER_AGENT
      request['Accept-Encoding'] = 'identity'
      @http.start unless @http.started?
      @http.request(request, body)
    rescue *BROKEN
      # A connection that broke in the middle cannot carry another call; the next one opens a fresh one.
      @http.finish if @http.started?
      raise
    end
  end
end
