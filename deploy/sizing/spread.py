#!/usr/bin/env python3
"""Simulates how calls spread over servers when one of them drains or fails.

    spread.py [--servers N] [--calls N] [--duration SECONDS] [--seed N]
    spread.py --check FILE

Prints a Markdown table. --check compares the table of the defaults with the one in FILE, and fails if they differ.

Calls arrive at random (Poisson), and their durations are exponential. The same seed gives the same table. There are three
ways to choose a server:

- leastconn: a balancer gives each call to the server with the fewest calls, as HAProxy does.
- shuffled: each call goes to the addresses in random order, as with a DNS server that shuffles its answers.
- in turn: each call goes to the addresses in turn, as with a DNS server that rotates its answers, or a dialplan.

A server that drains or is down refuses calls. A refused call goes to the next address.
"""

import argparse
import heapq
import random
import sys
from itertools import count
from pathlib import Path

# A failed server is back after this time, in seconds.
DOWN = 60.0

# The time in which the new calls of a server that is back are counted, in seconds.
FIRST = 15.0


class Fleet:
    """The open calls of each server. The first server drains or fails, and comes back."""

    def __init__(self, choice, servers, source):
        self.calls = [0] * servers
        self.first_accepts = True
        self.choice = choice
        self.source = source
        self.turns = count()

    def choose(self):
        """Returns the server of a new call."""
        servers = range(0 if self.first_accepts else 1, len(self.calls))
        if self.choice == "leastconn":
            fewest = min(self.calls[server] for server in servers)
            return self.source.choice([server for server in servers if self.calls[server] == fewest])
        if self.choice == "shuffled":
            return self.source.choice(servers)
        server = next(self.turns) % len(self.calls)
        # The first server refused, and the next address is that of the second.
        return server if server in servers else 1


def simulate(event, choice, servers, calls, duration, seed):
    """Lets the first server drain or fail at the time 0. Returns figures of the time after it."""
    source = random.Random(seed)
    fleet = Fleet(choice, servers, source)
    usual = calls / servers
    rate = calls / duration
    # A drain takes one mean duration. Then the calls that are left are hung up, and the server is back.
    back_at = duration if event == "drain" else DOWN
    changes = [0.0, back_at]
    # After eight mean durations, the number of calls is steady.
    arrival = -8 * duration
    ends = []  # The time of the end, the server, and how often the server had been emptied.
    emptied = [0] * servers
    cut, highest, filled_at, new_calls = 0, 0.0, None, 0
    now = arrival
    while filled_at is None or now < back_at + FIRST:
        now = min([arrival, *changes[:1], *(end[0] for end in ends[:1])])
        if changes and now == changes[0]:
            changes.pop(0)
            fleet.first_accepts = now == back_at
            if fleet.first_accepts or event == "failure":
                cut += fleet.calls[0]
                fleet.calls[0] = 0
                emptied[0] += 1
        elif ends and now == ends[0][0]:
            _, server, times = heapq.heappop(ends)
            if times == emptied[server]:
                fleet.calls[server] -= 1
        else:
            server = fleet.choose()
            fleet.calls[server] += 1
            heapq.heappush(ends, (now + source.expovariate(1 / duration), server, emptied[server]))
            arrival = now + source.expovariate(rate)
            if back_at <= now < back_at + FIRST:
                new_calls += server == 0
        if now >= 0:
            highest = max(highest, max(fleet.calls) / usual)
        if now >= back_at and filled_at is None and fleet.calls[0] >= 0.9 * usual:
            filled_at = now - back_at
    return cut, highest, new_calls / FIRST, filled_at


def markdown(args):
    lines = [
        "| one server | choice | calls that are cut | most calls of another server "
        f"| new calls of the server that is back, in its first {FIRST:.0f} s | until it has 90 % of its share |",
        "|---|---|---|---|---|---|",
    ]
    for event in ("drain", "failure"):
        for choice in ("leastconn", "shuffled", "in turn"):
            cut, highest, new_calls, filled_at = simulate(
                event, choice, args.servers, args.calls, args.duration, args.seed
            )
            lines.append(
                f"| {'drains' if event == 'drain' else 'fails'} | {choice} | {cut:,} | {highest:.0%} of the usual number "
                f"| {new_calls:.0f} per second | {filled_at:.0f} s |"
            )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=10)
    parser.add_argument("--calls", type=int, default=10_000, help="open calls in the mean (default: 10,000)")
    parser.add_argument("--duration", type=float, default=180.0, help="mean of the durations in seconds (default: 180)")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--check", type=Path, metavar="FILE")
    args = parser.parse_args()
    result = markdown(args)
    if args.check is None:
        print(result)
    elif result not in args.check.read_text():
        sys.exit(f"{args.check} does not have this table of deploy/sizing/spread.py:\n{result}")


if __name__ == "__main__":
    main()
