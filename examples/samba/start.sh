#!/bin/sh
# Runs smbd in the foreground with the working directory as the place of all its state. It takes absolute paths only.
set -eu
sed "s|@HERE@|$PWD|" smb.conf >private/smb.conf
exec smbd --foreground --no-process-group --configfile="$PWD/private/smb.conf" --port="$FTTCP_PORT"
