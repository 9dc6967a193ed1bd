# frozen_string_literal: true

module LambkinRuntime
  # A failure that the runtime, not the handler, found; and the form in which Lambda's callers know any failure.
  class Failure < StandardError
    # What ends an invocation rather than the process: exits and signals go through.
    CATCHABLE = [StandardError, ScriptError, NoMemoryError, SystemStackError].freeze
    OWN_FOLDER = "#{__dir__}/"

    attr_reader :type

    # type is one of Lambda's Runtime.* names.
    def initialize(type, message)
      super(message)
      @type = type
    end

    # The error as the Runtime API takes it; phase is Function or Init, which AWS's client writes around the class.
    def self.document(error, phase)
      type = error.is_a?(Failure) ? error.type : "#{phase}<#{error.class}>"
      { errorMessage: text(error), errorType: type, stackTrace: users_frames(error) }
    end

    def self.users_frames(error)
      (error.backtrace || []).reject { |line| line.start_with?(OWN_FOLDER) || line.include?('/ruby/bootstrap.rb:') }
    end

    # Messages may hold any bytes; JSON may not.
    def self.text(error)
      error.message.dup.force_encoding(Encoding::UTF_8).scrub
    end
    private_class_method :users_frames, :text
  end
end
