#!/usr/bin/python3
"""gst-rtsp-server with a live test picture and a tone at /live; clients may take RTP interleaved in the RTSP connection.

  server.py        (FTTCP_PORT says where to listen; default 8554)
"""
import os

import gi

gi.require_version('Gst', '1.0')
gi.require_version('GstRtspServer', '1.0')
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PIPELINE = (
    'videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26 '
    'audiotestsrc is-live=true freq=400 ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 pt=0'
)

Gst.init(None)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(f'( {PIPELINE} )')
server = GstRtspServer.RTSPServer()
server.set_service(os.environ.get('FTTCP_PORT', '8554'))
server.get_mount_points().add_factory('/live', factory)
server.attach(None)
GLib.MainLoop().run()
