#!/bin/sh
# An exit status other than 0 is a failure; the last line of standard error is its message.
echo "amount must be positive" >&2
exit 1
