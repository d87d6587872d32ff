#!/bin/sh
# Runs redis in the foreground with the working directory as the place of all its state.
set -eu
exec redis-server "$PWD/redis.conf" --port "$FTTCP_PORT"
