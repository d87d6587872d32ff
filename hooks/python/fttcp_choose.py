"""choose(name, function): what function() returns; on a backup of fttcp, what it has returned on the primary.

The server's processes and the daemon share a file, in which each record is appended by one write; docs/protocol.md, section 10, says what
is in it. Outside fttcp there is none.
"""
import itertools
import os
import struct
import threading
import time

__all__ = ['choose']

VALUE_MOST = 65536
BACKLOG_MOST = 16 << 20
READ_BYTES = 256 << 10
POLL_SECONDS = 0.001

# Magic, version, live, start, kept, taken; and of a record: its length, kind, length of the name, form.
HEAD = struct.Struct('<III4xQQQ')
RECORD = struct.Struct('<IBBBx')
MAGIC, VERSION = 0x48435446, 1
CHOSEN, GIVEN, ASKS = 1, 2, 3
BYTES, TEXT = 0, 1


def choose(name, function):
    """The k-th choice by a name, among all processes of the server, is the same on both hosts.

    name: 1 to 255 bytes in UTF-8. function: gives a str or bytes, of at most 64 KiB; must not raise.
    """
    return function() if _choices is None else _choices.choose(name, function)


class _Choices:
    def __init__(self, fd):
        self.fd = fd
        self.lock = threading.Lock()
        self.at = 0
        self.live = False
        self.values = {}  # by their places in the file: (name, value)
        self.questions = {}  # the same: (name, who asks)
        self.answers = {}  # to this process, by who asks; None: not yet
        self.asked = 0
        try:
            known = self.head()[:2] == (MAGIC, VERSION)
        except (OSError, struct.error):
            known = False
        if not known:
            raise OSError(f'FTTCP_CHOICES: descriptor {fd} was not inherited, or is of another version of fttcp')

    def choose(self, name, function):
        key = name.encode()
        if not 1 <= len(key) <= 255:
            raise ValueError('the name of a choice has 1 to 255 bytes')
        asker = self.ask(key)
        while asker is not None:
            with self.lock:
                self.read()
                if self.answers[asker] is not None:
                    return self.answers.pop(asker)
                if self.live:
                    del self.answers[asker]
                    break
            time.sleep(POLL_SECONDS)
        value = function()
        form, data = (TEXT, value.encode()) if isinstance(value, str) else (BYTES, bytes(value))
        if len(data) > VALUE_MOST:
            raise ValueError(f'a choice has at most {VALUE_MOST} bytes')
        while os.fstat(self.fd).st_size - self.head()[5] > BACKLOG_MOST:
            time.sleep(POLL_SECONDS)
        self.append(CHOSEN, key, form, data)
        return value

    def ask(self, key):
        with self.lock:
            # Where this process begins to read is decided before it asks: it must see its own question.
            if not self.live:
                self.read()
            if self.live and all(name != key for name, _ in self.values.values()):
                return None  # and never will there be one
            self.asked += 1
            asker = struct.pack('<II', os.getpid(), self.asked)
            self.answers[asker] = None
            self.append(ASKS, key, BYTES, asker)
            return asker

    def append(self, kind, key, form, data):
        record = RECORD.pack(RECORD.size + len(key) + len(data), kind, len(key), form) + key + data
        if os.write(self.fd, record) != len(record):
            raise OSError('a choice was written in part')

    def head(self):
        return HEAD.unpack(os.pread(self.fd, HEAD.size, 0))

    def read(self):
        """Takes what was written since the last time. What the head says first, the records can only confirm."""
        _, _, live, start, kept, _ = self.head()
        if self.at < kept:
            self.at = start
        for place in list(itertools.takewhile(lambda place: place < kept, self.values)):
            del self.values[place]
        while records := os.pread(self.fd, READ_BYTES, self.at):
            offset = 0
            while len(records) - offset >= RECORD.size:
                length, kind, name_length, form = RECORD.unpack_from(records, offset)
                if not RECORD.size <= length <= len(records) - offset:
                    break
                key_end = offset + RECORD.size + name_length
                key, data = records[offset + RECORD.size : key_end], records[key_end : offset + length]
                self.take(self.at + offset, kind, key, data.decode() if form == TEXT else data)
                offset += length
            if offset == 0:
                break
            self.at += offset
        self.live = live == 1
        if self.live:
            self.questions.clear()

    def take(self, place, kind, key, value):
        """The first question by a name and the first value by it belong together."""
        if kind == GIVEN:
            asker = self.partner(self.questions, key)
            if asker is None:
                self.values[place] = (key, value)
            elif asker in self.answers:
                self.answers[asker] = value
        elif kind == ASKS:
            given = self.partner(self.values, key)
            if given is None:
                self.questions[place] = (key, value)
            elif value in self.answers:
                self.answers[value] = given

    @staticmethod
    def partner(waiting, key):
        for place, (name, what) in waiting.items():
            if name == key:
                del waiting[place]
                return what
        return None


_fd = os.environ.get('FTTCP_CHOICES')
_choices = None if _fd is None else _Choices(int(_fd))
