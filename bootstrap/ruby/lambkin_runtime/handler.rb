# frozen_string_literal: true

require_relative 'failure'

module LambkinRuntime
  # Finds and loads the method that a handler string such as "src/app.Module::Class.process" names.
  class Handler
    # Loads the file, with the function's folder on the load path.
    def self.load(task_root, name)
      file, receiver, method = split(name)
      find_gems
      $LOAD_PATH.unshift(task_root) unless $LOAD_PATH.include?(task_root)
      require File.expand_path(file, task_root)
      new(receiver ? constant(receiver, name) : TOPLEVEL_BINDING.receiver, method, name)
    end

    # Bundler puts gems below the version of the Ruby that runs it, and GEM_PATH names that of the runtime's id. Where a
    # runtime is run by another Ruby, gems of both are found.
    def self.find_gems
      own = Gem.path.map { |folder| folder.sub(%r{/\d+\.\d+\.\d+\z}, "/#{Gem.ruby_api_version}") }
      return if (own - Gem.path).empty?

      Gem.paths = { 'GEM_HOME' => Gem.dir, 'GEM_PATH' => (Gem.path | own).join(File::PATH_SEPARATOR) }
    end
    private_class_method :find_gems

    def self.constant(receiver, name)
      Object.const_get(receiver)
    rescue NameError
      raise Failure.new('Runtime.HandlerNotFound', "Handler '#{name}' is not defined: there is no #{receiver}")
    end
    private_class_method :constant

    # Splits "file.method" and "file.Class.method"; dots in folders do not count.
    def self.split(name)
      folder, base = File.split(name)
      parts = base.split('.', -1)
      unless [2, 3].include?(parts.size) && parts.none?(&:empty?)
        raise Failure.new('Runtime.MalformedHandlerName', "Bad handler '#{name}': want file.method or file.Class.method")
      end
      [File.join(folder, parts.first), parts.size == 3 ? parts[1] : nil, parts.last.to_sym]
    end

    def initialize(receiver, method, name)
      @receiver = receiver
      @method = method
      return if receiver.respond_to?(method, true)

      raise Failure.new('Runtime.HandlerNotFound', "Handler '#{name}' is not defined")
    end

    def call(event, context)
      # Methods at the top level of a file are private; send reaches them.
      @receiver.send(@method, event: event, context: context)
    end
  end
end
