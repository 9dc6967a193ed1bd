#!/bin/sh
# The event comes on standard input, the answer goes to standard output, the log to standard error.
name=$(sed -n 's/.*"name"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p')
echo "greeting $LAMBDA_RUNTIME_AWS_REQUEST_ID" >&2
printf '{"greeting": "Hello, %s, from an executable!"}' "${name:-world}"
