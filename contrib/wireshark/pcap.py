#!/usr/bin/env python3
"""Writes a pcap file of one TCP connection, from the bytes of both sides.

pcap.py OUT.pcap PORT SEGMENTS < script      Each line of the script is: `>` or `<`, a time in ms, and hex bytes.
`>` is from Asterisk. SEGMENTS is the most bytes in one TCP segment.
"""

import struct
import sys


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source, target, sequence, acknowledged, flags, payload):
    (source_addr, source_port), (target_addr, target_port) = source, target
    header = struct.pack("!HHIIBBHHH", source_port, target_port, sequence, acknowledged, 5 << 4, flags, 65535, 0, 0)
    pseudo = source_addr + target_addr + struct.pack("!BBH", 0, 6, len(header) + len(payload))
    header = header[:16] + struct.pack("!H", checksum(pseudo + header + payload)) + header[18:]
    length = 20 + len(header) + len(payload)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, 6, 0, source_addr, target_addr)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return ip + header + payload


def write(path, port, most, lines):
    sides = {">": (bytes([192, 0, 2, 1]), 40000), "<": (bytes([192, 0, 2, 2]), port)}
    sequence = {">": 1000, "<": 2000}
    with open(path, "wb") as file:
        # LINKTYPE_RAW: the packets begin with an IP header.
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))

        def put(ms, side, flags, payload=b""):
            other = "<" if side == ">" else ">"
            data = packet(sides[side], sides[other], sequence[side], sequence[other], flags, payload)
            seconds, micros = divmod(int(ms * 1000), 1_000_000)
            file.write(struct.pack("<IIII", 1_700_000_000 + seconds, micros, len(data), len(data)) + data)
            sequence[side] += len(payload) + (1 if flags & 3 else 0)

        put(0, ">", 2)
        put(0, "<", 18)
        put(0, ">", 16)
        for line in lines:
            side, ms, *hexa = line.split()
            data = bytes.fromhex("".join(hexa))
            for start in range(0, len(data), most):
                put(float(ms), side, 24, data[start : start + most])


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.stdin)
