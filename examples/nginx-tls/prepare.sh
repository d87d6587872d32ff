#!/bin/sh
# Makes DIR what nginx starts from: its configuration, a key with a certificate of its own for HOST, and html/ for the files to serve.
#
#   prepare.sh DIR HOST
set -eu
directory=$1 host=$2
here=$(cd "$(dirname "$0")" && pwd)

mkdir -p "$directory/html" "$directory/temporary"
cd "$directory"
cp "$here/nginx.conf" "$here/start.sh" .
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -keyout key.pem -out certificate.pem \
  -subj "/CN=$host" -addext "subjectAltName=DNS:$host" 2>/dev/null
