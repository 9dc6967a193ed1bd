#!/bin/sh
# Answers plain HTTP requests in payload format 2.0, with sed for a JSON parser. Any language will do.
event=$(tr -d '\n' | sed 's/\\"/"/g')
field() { printf '%s' "$event" | sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\{0,1\}\([^\",}]*\).*/\1/p"; }
printf '{"statusCode": 201, "headers": {"content-type": "application/json"}, "body": "{\\"method\\": \\"%s\\", \\"path\\": \\"%s\\", \\"quantity\\": %s}"}' \
  "$(field method)" "$(field rawPath)" "$(field quantity)"
