#!/bin/sh
# Runs the RTSP server in the foreground with the working directory as the place of all its state.
set -eu
export GST_REGISTRY="$PWD/registry.bin" GST_REGISTRY_UPDATE=no XDG_RUNTIME_DIR="$PWD"
exec /usr/bin/python3 server.py
