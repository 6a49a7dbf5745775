#!/usr/bin/env python3
"""Computes what a number of calls needs, from measured figures.

    sizing.py [--handler-ms MS] [--handler-kb KB] [--cores N] [--duration SECONDS] [--per-asterisk N] [--calls N ...]
    sizing.py --check FILE

Prints a Markdown table. --check compares the table of the defaults with the one in FILE, and fails if they differ.
"""

import argparse
import math
import signal
import sys
from pathlib import Path

# Measured figures. docs/src/sizing.md has the source of each.
FRAME_US = 12.4  # Processor time of a played frame on tokio, on a call that also sends.
FRAMES_PER_SECOND = 50
FRAME_BYTES = 323 + 66  # The frame, and the headers of Ethernet, IP and TCP with a timestamp.
QUIET_BYTES = 1_562  # Memory of the process for a quiet call on tokio.
KERNEL_BYTES = 3_712  # Memory of the kernel for a quiet connection.
WORST_BYTES = 448 * 1024  # Memory of a call whose peer does not read, and whose playout is full.
PACKETS = 1.0  # Packets per frame, each way.

# Defaults of Linux.
CLOSED_S = 120  # nf_conntrack_tcp_timeout_time_wait.


def number(value):
    """Formats a number with three significant digits, and groups of three digits."""
    if value >= 1000:
        value = round(value, 2 - math.floor(math.log10(value)))
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def size(value):
    """Formats a number of bytes."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{number(value)} {unit}"
        value /= 1000


def bits(value):
    """Formats a number of bits per second."""
    return f"{number(value / 1e9)} Gbit/s" if value >= 1e9 else f"{number(value / 1e6)} Mbit/s"


def table(args):
    """Returns the rows, each a name and a value for each number of calls."""
    call_ms = FRAME_US * FRAMES_PER_SECOND / 1000 + args.handler_ms
    half_used = math.floor(args.cores * 500 / call_ms)
    rows = {}

    def row(name, value):
        rows.setdefault(name, []).append(value)

    for calls in args.calls:
        needed = math.ceil(calls / half_used)
        spare = max(1, math.ceil(needed / 10))
        servers = needed + spare
        each = calls / servers
        most = math.ceil(1.5 * half_used / 100) * 100 if calls > half_used else math.ceil(2 * calls / 100) * 100
        stored = args.handler_kb * 1000
        row("cores of all servers, half used", number(math.ceil(calls * call_ms / 500)))
        row(f"servers of {args.cores} cores, with one spare for each ten", str(servers))
        row("calls of a server", number(math.ceil(each)))
        row("calls of a server while one is down", number(math.ceil(calls / (servers - 1))))
        row("`--max-calls`", f"{most:,}")
        row("memory of a server, usual: process and kernel", size(each * (QUIET_BYTES + KERNEL_BYTES + stored)))
        row("`MemoryMax=`, worst case of `--max-calls`", size(most * (WORST_BYTES + stored) / 0.9))
        row("`LimitNOFILE=`", number(most + 100))
        row("network of a server, each way", bits(each * FRAMES_PER_SECOND * FRAME_BYTES * 8))
        row("network of all, each way", bits(calls * FRAMES_PER_SECOND * FRAME_BYTES * 8))
        row("packets of a server per second, each way", number(each * FRAMES_PER_SECOND * PACKETS))
        row("new calls of all servers per second", number(calls / args.duration))
        row("tracked connections of a server (conntrack)", number(each * (1 + CLOSED_S / args.duration)))
        asterisks = math.ceil(calls / args.per_asterisk)
        row(f"Asterisk machines of {args.per_asterisk:,} calls", number(asterisks))
        row("calls between one Asterisk and one server", number(math.ceil(calls / asterisks / servers)))
    return rows


def markdown(args):
    lines = ["| | " + " | ".join(f"{calls:,} calls" for calls in args.calls) + " |"]
    lines.append("|---" * (len(args.calls) + 1) + "|")
    lines += [f"| {name} | " + " | ".join(values) + " |" for name, values in table(args).items()]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--handler-ms", type=float, default=0.5, help="processor time of a handler per second of a call")
    parser.add_argument("--handler-kb", type=float, default=100, help="memory of a handler, in kB")
    parser.add_argument("--cores", type=int, default=8, help="cores of a server")
    parser.add_argument("--duration", type=float, default=180, help="mean duration of a call in seconds")
    parser.add_argument("--per-asterisk", type=int, default=500, help="calls of one Asterisk")
    parser.add_argument("--calls", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--check", type=Path, metavar="FILE")
    args = parser.parse_args()
    # `| head` ends it without a traceback.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    result = markdown(args)
    if args.check is None:
        print(result)
    elif result not in args.check.read_text():
        sys.exit(f"{args.check} does not have this table of deploy/sizing/sizing.py:\n{result}")


if __name__ == "__main__":
    main()
