#!/usr/bin/python3
"""Greets each connection with a random session id, and answers each line with the id, a count and the line: a process for each.

At level `stream` it survives a crash because it draws the id by choose(); with CHOOSE=off it would not.
"""
import os
import pathlib
import secrets
import socketserver
import sys

sys.path.append(str(pathlib.Path(__file__).parents[2] / 'hooks' / 'python'))
from fttcp_choose import choose


def draw():
    return secrets.token_hex(8)


class Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        host, port = self.client_address[:2]
        session = draw() if os.environ.get('CHOOSE') == 'off' else choose(f'session of {host} {port}', draw)
        self.wfile.write(f'session {session}\n'.encode())
        for count, line in enumerate(self.rfile, 1):
            self.wfile.write(f'{session} {count} '.encode() + line)


class Server(socketserver.ForkingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128
    max_children = 1000


Server(('', int(os.environ.get('FTTCP_PORT', '7'))), Session).serve_forever()
