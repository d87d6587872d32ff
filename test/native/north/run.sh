#!/bin/sh
# Tests the shim's calls on files: each program is recorded in one folder and replayed in another that differs in all that two disks differ in.
# Usage: run.sh [FOLDER]; FOLDER is kept.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
shim_source=$here/../../../native/north
work=${1:-$(mktemp -d)}
mkdir -p "$work"
flags='-std=gnu11 -O1 -g -Wall -Wextra -Werror'

# Undefined behaviour traps: the shim has no runtime to report it.
cc $flags -fPIC -fvisibility=hidden -fsanitize=undefined -fsanitize-undefined-trap-on-error -shared \
  -o "$work/north.so" "$shim_source"/*.c -ldl -Wl,-z,defs
cc $flags -fsanitize=address,undefined -o "$work/drive" "$here/drive.c"
for program in status numbers files directories locks streams; do
  cc $flags -o "$work/$program" "$here/$program.c"
done

failed=0
bad() {
  echo "FAILED: $*"
  failed=$((failed + 1))
}

# folder NAME FIRST LAST STEP: the same files, made in another order
folder() {
  rm -rf "$work/$1"
  mkdir "$work/$1"
  (
    cd "$work/$1"
    [ "$1" = a ] || { for i in 1 2 3 4 5 6 7; do echo > "other$i"; done; }
    mkdir folder
    for i in $(seq "$2" "$4" "$3"); do echo "$i" > "folder/a-name-$i"; done
    echo text > file
    ln -s file link
    rm -f other*
    touch -d @1700000000 file folder folder/*
  )
}

folders() {
  folder a 1 "$1" 1
  folder b "$1" 1 -1
}

same_output() {
  for output in "$work"/a.[0-9]; do
    cmp "$output" "$work/b.${output##*.}" || bad "$1: output differs"
  done
}

same_files() {
  (cd "$work/a" && find . ! -name locked | sort && find . -type f -exec sum {} + | sort) > "$work/files.a"
  (cd "$work/b" && find . ! -name locked | sort && find . -type f -exec sum {} + | sort) > "$work/files.b"
  cmp "$work/files.a" "$work/files.b" || bad "$1: files differ"
}

# drive record|replay FOLDER[:RECORDS] PROGRAM…
drive() {
  mode=$1 into=$2
  shift 2
  "$work/drive" "$mode" "$work/north.so" "$work/recording" "$work/$into" "$@"
}

# alike TITLE PROGRAM…: records and replays it all
alike() {
  title=$1
  shift
  rm -f "$work"/[ab].[0-9]
  drive record a "$@" || bad "$title: record"
  drive replay b "$@" || bad "$title: replay"
  same_output "$title"
  same_files "$title"
  echo "$title: $(wc -c < "$work/recording") bytes"
}

folders 20
alike "status" "$work/status"

# What the host tells of itself is there on one of the two alone.
folders 20
sleep 1000 &
here_only=$!
export ONLY_HERE=/proc/$here_only/stat
drive record a "$work/files" || bad "files: record"
kill $here_only
wait $here_only 2> /dev/null || true
drive replay b "$work/files" || bad "files: replay"
same_output "files"
same_files "files"
echo "files: $(wc -c < "$work/recording") bytes"

folders 30
alike "directories" "$work/directories"

folders 3000
alike "large directories" "$work/directories"

folders 20
alike "streams" "$work/streams"

for kind in fcntl flock open lockf; do
  folders 2
  alike "$kind locks" "$work/locks" A 200 $kind -- "$work/locks" B 200 $kind -- "$work/locks" C 200 $kind
  # Wherever they go live, every turn is somebody's.
  for records in 0 1 7 100 101 102 500 900 1100 1200; do
    folder b 1 2 1
    drive replay "b:$records" "$work/locks" A 200 $kind -- "$work/locks" B 200 $kind -- "$work/locks" C 200 $kind ||
      bad "$kind locks, live at $records"
    turns=$(cat "$work"/b.[123] | grep -E '^[ABC] ' | cut -d' ' -f2 | sort -nu | wc -l)
    [ "$turns" = 600 ] || bad "$kind locks, live at $records: $turns turns"
  done
done

# And so with files: each call is made once, by the replay or by the program that has gone live. What is drawn by lot then is another name.
folders 20
drive record a "$work/files" || bad "live files: record"
grep -v XXXXXX "$work/a.1" | sed 's/[a-zA-Z0-9-]* [a-zA-Z0-9]*.text [a-zA-Z0-9]*$//' > "$work/wanted"
for records in $(seq 0 45); do
  folder b 1 20 1
  drive replay "b:$records" "$work/files" || bad "files, live at $records"
  grep -v XXXXXX "$work/b.1" | sed 's/[a-zA-Z0-9-]* [a-zA-Z0-9]*.text [a-zA-Z0-9]*$//' | cmp - "$work/wanted" || bad "files, live at $records: output"
done

# A file that was known before is the same one afterwards.
folders 20
drive record a "$work/numbers" || bad "numbers: record"
for records in $(seq 3 90); do
  drive replay "b:$records" "$work/numbers" || bad "numbers, live at $records"
  cmp "$work/a.1" "$work/b.1" || bad "numbers, live at $records: output"
done

# At every record but the first ones a replica goes live; it lists all names once all the same.
folders 2000
rm -f "$work"/[ab].[0-9]
drive record a "$work/directories" sorted || bad "live directories: record"
for records in 2 3 4 5 6 7 8 9 10 11 12 13 14; do
  drive replay "b:$records" "$work/directories" sorted || bad "live directories at $records"
  same_output "live directories at $records"
done

[ $failed = 0 ] && echo "all passed"
[ $# -gt 0 ] || rm -rf "$work"
exit $failed
