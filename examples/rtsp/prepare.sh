#!/bin/sh
# Makes DIR what the RTSP server starts from: its program, and GStreamer's list of plugins, which it would otherwise make up at the start.
#
#   prepare.sh DIR
set -eu
directory=$1
here=$(cd "$(dirname "$0")" && pwd)

mkdir -p "$directory"
cd "$directory"
cp "$here/server.py" "$here/start.sh" .
GST_REGISTRY="$PWD/registry.bin" /usr/bin/python3 -c '
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)'
