#!/usr/bin/python3
"""A live stream over HTTP: a clock makes a frame every 40 ms, and every viewer of /live gets all frames from now on, as chunks.

  server.py        (FTTCP_PORT says where to listen; default 8000)

A frame is a line of JSON, {"frame": its number, "time": seconds since 1970, "bytes": length, "sha256": of them}, and the bytes.
"""
import collections
import hashlib
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FRAME_SECONDS = 0.04
FRAME_BYTES = 5000
KEPT_FRAMES = 250


class Camera(threading.Thread):
    """Makes frames, and keeps some for viewers who are behind."""

    def __init__(self):
        super().__init__(daemon=True)
        self.made = threading.Condition()
        self.number = 0
        self.kept = collections.deque(maxlen=KEPT_FRAMES)

    def run(self):
        due = time.monotonic()
        while True:
            picture = os.urandom(FRAME_BYTES)
            with self.made:
                self.number += 1
                head = {
                    'frame': self.number,
                    'time': time.time(),
                    'bytes': len(picture),
                    'sha256': hashlib.sha256(picture).hexdigest(),
                }
                self.kept.append((self.number, json.dumps(head).encode() + b'\n' + picture))
                self.made.notify_all()
            due += FRAME_SECONDS
            time.sleep(max(0, due - time.monotonic()))

    def frames(self):
        """From the next one on."""
        seen = self.number
        while True:
            with self.made:
                self.made.wait_for(lambda: self.number > seen)
                new = [frame for number, frame in self.kept if number > seen]
                seen = self.number
            yield from new


class Viewer(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        if self.path != '/live':
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header('Content-Type', 'application/octet-stream')
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        try:
            for frame in camera.frames():
                self.wfile.write(b'%x\r\n%s\r\n' % (len(frame), frame))
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *_):
        pass


camera = Camera()
camera.start()
ThreadingHTTPServer(('', int(os.environ.get('FTTCP_PORT', '8000'))), Viewer).serve_forever()
