#!/bin/sh
# Runs h2o in the foreground with the working directory as the place of all its state; what is in html/ is served.
#
#   start.sh [USER]        (whom to become where root starts it; www-data if left out)
set -eu
{
  cat h2o.conf
  echo "listen: $FTTCP_PORT"
  echo "user: ${1:-www-data}"
} >listening.conf
exec h2o --conf listening.conf
