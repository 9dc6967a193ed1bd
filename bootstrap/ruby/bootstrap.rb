# frozen_string_literal: true

# The Ruby client of the Lambda Runtime API (Ruby 3.1 or later, standard library only).
#
# It loads the handler named by _HANDLER (or by the first argument, as container images do), then serves events until
# the platform stops it. AWS_LAMBDA_MAX_CONCURRENCY=N makes it serve N events at once in N threads, which share globals.

require_relative 'lambkin_runtime/loop'

$stdout.sync = true # the process may be killed at any time: what was printed must not be in a buffer then
exit LambkinRuntime::Loop.new(ENV).run(ARGV.fetch(0) { ENV.fetch('_HANDLER', '') })
