#!/bin/sh
# Makes DIR what smbd starts from: its configuration, its directories, and a user. Both replicas start from copies of it, because
# it also has what samba makes up once for each machine (secrets.tdb).
#
#   prepare.sh DIR USER PASSWORD        (USER is one of the system's, of the same number on both hosts)
set -eu
directory=$1 user=$2 password=$3
here=$(cd "$(dirname "$0")" && pwd)

mkdir -p "$directory"
cd "$directory"
cp "$here/smb.conf" "$here/start.sh" .
mkdir -p cache files lock ncalrpc pid private state
chmod 700 private
chown "$user" files
sed "s|@HERE@|$PWD|" smb.conf >private/smb.conf
printf '%s\n%s\n' "$password" "$password" | smbpasswd -c "$PWD/private/smb.conf" -s -a "$user"
