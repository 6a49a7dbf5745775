#!/usr/bin/env python3
"""Tests of the units with the tools of systemd. systemd itself does not run.

    test.py PROGRAM

The tests need systemd-analyze and systemd-socket-activate, and strace for the filter of system calls.
"""

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
SERVICE = HERE / "audiosocket.service"
# The README has this figure.
EXPOSURE = 1.1


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def settings(unit):
    """Returns the values of each setting of a unit, in order."""
    values = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        values.setdefault(name, []).append(value)
    return values


def system_calls(group):
    """Returns the system calls of a group such as @resources."""
    calls = set()
    for line in run("systemd-analyze", "syscall-filter", "--no-pager", group).splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            calls |= system_calls(name)
        elif name and not name.startswith("#"):
            calls.add(name)
    return calls


def allowed_calls():
    """Returns the system calls that SystemCallFilter= of the unit leaves."""
    allowed = set()
    for value in settings(SERVICE)["SystemCallFilter"]:
        for name in value.lstrip("~").split():
            calls = system_calls(name) if name.startswith("@") else {name}
            allowed = allowed - calls if value.startswith("~") else allowed | calls
    return allowed


class Units(unittest.TestCase):
    program = None

    def start(self, command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.terminate)
        return process

    def call(self, address):
        run(self.program, "call", address, "--calls", "2", "--duration", "200ms")

    def test_the_service_is_exposed_as_little_as_the_readme_says(self):
        output = run(
            *("systemd-analyze", "security", "--offline=true", "--no-pager"),
            f"--threshold={EXPOSURE * 10:.0f}",
            str(SERVICE),
        )
        exposure = re.search(r"Overall exposure level for audiosocket.service: ([\d.]+)", output)[1]
        self.assertEqual(float(exposure), EXPOSURE)
        self.assertIn(f"| {EXPOSURE} |", (HERE / "README.md").read_text())

    def test_systemd_accepts_the_units_and_the_drop_in(self):
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            units = root / "etc/systemd/system"
            (units / "audiosocket.service.d").mkdir(parents=True)
            for unit in HERE.glob("audiosocket.*"):
                shutil.copy(unit, units)
            shutil.copy(HERE / "drop-in.conf", units / "audiosocket.service.d")
            # The targets that the units refer to.
            for unit in Path("/lib/systemd/system").glob("*.target"):
                shutil.copy(unit, units)
            for program in ("usr/bin/audiosocket", "bin/kill"):
                (root / program).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.program, root / program)
            names = sorted(str(unit.name) for unit in HERE.glob("audiosocket.*"))
            self.assertEqual(names, ["audiosocket.service", "audiosocket.socket"])
            command = ["systemd-analyze", "verify", f"--root={root}", "--man=no", *names]
            verified = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            ours = [line for line in verified.stderr.splitlines() if "audiosocket" in line or "drop-in" in line]
            self.assertEqual(ours, [])

    def test_the_program_serves_a_socket_that_systemd_opened(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = "127.0.0.1:{}".format(probe.getsockname()[1])
        command = ["systemd-socket-activate", "--fdname=calls", "-l", address, self.program, "serve", "echo"]
        server = self.start(command)
        # It listens before it starts the program.
        self.assertIn("Listening on", server.stdout.readline())
        self.call(address)

    @unittest.skipUnless(shutil.which("strace"), "strace is missing")
    def test_the_filter_allows_the_system_calls_of_a_server(self):
        allowed = allowed_calls()
        self.assertIn("accept4", allowed)
        self.assertNotIn("ptrace", allowed)
        for runtime in ("tokio", "smol", "blocking"):
            with self.subTest(runtime=runtime), tempfile.NamedTemporaryFile("r") as trace:
                # With -D, the process that is started is the program, and gets the signals.
                command = ["strace", "-D", "-f", "-qq", "-o", trace.name, "-e", "signal=none"]
                command += [self.program, "serve", "echo", "--runtime", runtime, "--listen", "127.0.0.1:0"]
                server = self.start(command)
                address = None
                while address is None:
                    line = server.stdout.readline()
                    self.assertTrue(line, "the server ended")
                    address = line.removeprefix("listening on ").strip() if line.startswith("listening on ") else None
                self.call(address)
                server.terminate()
                # The tracer has the same output, and ends last.
                server.communicate(timeout=60)
                used = set(re.findall(r"^\d+ +(\w+)\(", trace.read(), re.MULTILINE))
                self.assertIn("accept4", used)
                # strace itself starts the program.
                self.assertEqual(used - allowed - {"execve"}, set())


if __name__ == "__main__":
    Units.program = sys.argv.pop()
    unittest.main()
