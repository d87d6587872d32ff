#!/bin/sh
# Runs nginx in the foreground: TLS at FTTCP_PORT, plain HTTP one port above, WORKERS processes, as USER where root starts it.
#
#   start.sh [WORKERS [USER]]
set -eu
workers=${1:-2} user=${2:-www-data}
cat >listen.conf <<END
server {
	listen $FTTCP_PORT ssl;
	listen $((FTTCP_PORT + 1));
	root html;
}
END
exec nginx -p "$PWD" -c nginx.conf -g "daemon off; worker_processes $workers; user $user;"
