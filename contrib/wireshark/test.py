#!/usr/bin/env python3
"""Tests of the dissector with tshark, on bytes that a real Asterisk sent.

test.py CAPTURES      CAPTURES is the directory with the .bin files: the bytes of one direction of a connection.
"""

import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import pcap

HERE = pathlib.Path(__file__).parent
UUID = "0100100123456789abcdef0123456789abcdef"
CALL = "01234567-89ab-cdef-0123-456789abcdef"


def tshark(lines, port=9092, most=1448, fields=("audiosocket.kind", "audiosocket.length"), options=()):
    """Returns a row of values for each AudioSocket packet of the connection."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        pcap.write(file.name, port, most, lines)
        command = ["tshark", "-n", "-X", f"lua_script:{HERE / 'audiosocket.lua'}", "-r", file.name, *options]
        command += ["-Y", "audiosocket", "-T", "fields", *(arg for field in fields for arg in ("-e", field))]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    if "Lua" in run.stderr or "error" in run.stdout.lower():
        raise AssertionError(run.stderr + run.stdout)
    return [line.split("\t") for line in run.stdout.splitlines()]


def frames(data):
    """Returns the kind and the length of each whole frame."""
    found, at = [], 0
    while at + 3 <= len(data):
        length = int.from_bytes(data[at + 1 : at + 3], "big")
        if at + 3 + length > len(data):
            break
        found.append((data[at], length))
        at += 3 + length
    return found


def flat(rows, column):
    """Returns the values of one column. A packet with several frames has several values."""
    return [value for row in rows for value in row[column].split(",") if value]


class Dissector(unittest.TestCase):
    captures = None

    def test_every_frame_of_a_real_asterisk_is_found_however_tcp_splits_it(self):
        files = sorted(self.captures.glob("*.bin"))
        self.assertGreater(len(files), 5)
        for file in files:
            data = file.read_bytes()[:40_000]
            expected = frames(data)
            for most in (333,) if file.name.startswith("dial") else (1448, 19):
                with self.subTest(file=file.name, most=most):
                    rows = tshark([f"> 0 {data.hex()}"], most=most)
                    kinds = [int(value, 16) for value in flat(rows, 0)]
                    lengths = [int(value) for value in flat(rows, 1)]
                    self.assertEqual(list(zip(kinds, lengths)), expected)

    def test_each_frame_has_the_uuid_of_its_call(self):
        rows = tshark([f"> 0 {UUID}", "> 20 100002 0000", "< 21 000000"], fields=["audiosocket.call"])
        self.assertEqual(flat(rows, 0), [CALL] * 3)

    def test_keys_have_the_names_of_their_digits(self):
        rows = tshark([f"> 0 {UUID}", "> 20 030001 23", "> 40 030001 0a"], fields=["audiosocket.digit"])
        self.assertEqual(flat(rows, 0), ["#", "0x0a"])

    def test_a_call_on_another_port_is_found_by_its_first_frame(self):
        rows = tshark([f"> 0 {UUID}", "> 20 100002 0000"], port=5555)
        self.assertEqual(flat(rows, 0), ["0x01", "0x10"])

    def test_another_protocol_is_left_alone(self):
        self.assertEqual(tshark(["> 0 " + b"GET / HTTP/1.1\r\n\r\n".hex()], port=5555), [])

    def test_the_port_is_a_preference(self):
        options = ("-o", "audiosocket.ports:5555")
        rows = tshark(["> 0 100002 0000"], port=5555, options=options)
        self.assertEqual(flat(rows, 0), ["0x10"])
        self.assertEqual(tshark(["> 0 100002 0000"], port=9092, options=options), [])

    def test_audio_has_a_rate_a_duration_and_a_delta(self):
        frame = "120280" + "01" * 640
        fields = ["audiosocket.rate", "audiosocket.duration", "audiosocket.delta"]
        rows = tshark([f"> 0 {UUID}", f"> 20 {frame}", f"> 45 {frame}"], fields=fields)
        self.assertEqual(flat(rows, 0), ["16000"] * 2)
        self.assertEqual(flat(rows, 1), ["20"] * 2)
        self.assertEqual([round(float(value), 3) for value in flat(rows, 2)], [25])

    def test_frames_that_end_a_call_on_asterisk_are_marked(self):
        lines = [f"> 0 {UUID}", "< 20 030001 35", "< 21 100000", "< 22 000000"]
        rows = tshark(lines, fields=["frame.number", "_ws.expert.message"])
        marked = ["ends the call" in row[1] for row in rows]
        self.assertEqual(marked, [False, True, True, False])

    def test_bytes_of_any_kind_make_no_error(self):
        source = random.Random(7)
        for _ in range(5):
            lines = [f"> 0 {UUID}"]
            lines += [f"{source.choice('<>')} {at} {source.randbytes(source.randrange(1, 900)).hex()}" for at in range(40)]
            self.assertGreater(len(tshark(lines)), 0)


if __name__ == "__main__":
    Dissector.captures = pathlib.Path(sys.argv.pop())
    unittest.main()
