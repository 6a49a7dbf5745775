#!/usr/bin/env python3
"""Tests that the dissector finds each frame in captures of the program.

test_capture.py PROGRAM      PROGRAM is the file `audiosocket`.
"""

import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
UUID = bytes.fromhex("0123456789abcdef0123456789abcdef")
CALL = "01234567-89ab-cdef-0123-456789abcdef"


def frame(kind, payload):
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


def exactly(stream, length):
    data = b""
    while len(data) < length:
        data += stream.recv(length - len(data)) or sys.exit("the server closed the connection")
    return data


class Process:
    """A server of the program, on a port that the system chooses."""

    def __init__(self, *args):
        self.run = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = int(self.run.stdout.readline().rsplit(":")[-1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run.send_signal(signal.SIGTERM)
        self.run.wait(60)
        self.run.stdout.close()


def call(port):
    """Places a call with a key and two pieces of audio, which come back. Returns the frames of both sides."""
    audio = [frame(0x10, bytes([number]) * 320) for number in (1, 2)]
    sent = [frame(0x01, UUID), frame(0x03, b"#"), *audio]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as stream:
        stream.sendall(b"".join(sent))
        for piece in audio:
            assert exactly(stream, len(piece)) == piece
        stream.shutdown(socket.SHUT_WR)
        while stream.recv(4096):
            pass
    return sent, audio


def tshark(file, *fields):
    """Returns a list of values for each field. A packet with several frames has several values."""
    command = ["tshark", "-n", "-X", f"lua_script:{HERE / 'audiosocket.lua'}", "-r", file, "-Y", "audiosocket"]
    command += ["-T", "fields", *(arg for field in fields for arg in ("-e", field))]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    rows = [line.split("\t") for line in run.stdout.splitlines()]
    return [[value for row in rows for value in row[column].split(",") if value] for column in range(len(fields))]


def faults(file):
    """Returns what tshark finds wrong in the TCP connection."""
    command = ["tshark", "-n", "-r", file, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    command += ["-Y", "tcp.analysis.flags || tcp.checksum.status == Bad || ip.checksum.status == Bad || _ws.malformed"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


class Capture(unittest.TestCase):
    program = None

    def check(self, directory, sent, received):
        (file,) = directory.glob("*.pcapng")
        self.assertTrue(file.name.endswith(f"Z-{CALL}.pcapng"), file.name)
        kinds, lengths, sides, calls = tshark(
            file, "audiosocket.kind", "audiosocket.length", "audiosocket.from_asterisk", "audiosocket.call"
        )
        self.assertEqual(set(calls), {CALL})
        found = {True: [], False: []}
        for kind, length, side in zip(kinds, lengths, sides):
            found[side in ("1", "True")].append((int(kind, 16), int(length)))
        kinds_and_lengths = lambda frames: [(piece[0], len(piece) - 3) for piece in frames]
        self.assertEqual(found[True], kinds_and_lengths(sent))
        self.assertEqual(found[False], kinds_and_lengths(received))
        self.assertEqual(faults(file), "")

    def test_a_capture_of_serve(self):
        with tempfile.TemporaryDirectory() as directory:
            options = ["--no-silence", "--listen", "127.0.0.1:0", "--capture-dir", directory]
            with Process(self.program, "serve", "echo", *options) as server:
                frames = call(server.port)
            self.check(pathlib.Path(directory), *frames)

    def test_a_capture_of_the_tap(self):
        with tempfile.TemporaryDirectory() as directory:
            with Process(self.program, "serve", "echo", "--no-silence", "--listen", "127.0.0.1:0") as server:
                target = f"127.0.0.1:{server.port}"
                with Process(self.program, "tap", "127.0.0.1:0", target, "--capture-dir", directory) as tap:
                    frames = call(tap.port)
            self.check(pathlib.Path(directory), *frames)


if __name__ == "__main__":
    Capture.program = sys.argv.pop()
    unittest.main()
