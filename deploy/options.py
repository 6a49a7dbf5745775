#!/usr/bin/env python3
"""Checks that each option of the program in the files of this folder exists, and that the YAML files are well formed.

    options.py PROGRAM

Reads units, settings, images and manifests. It takes the mode of `audiosocket serve` from the same text.
"""

import re
import subprocess
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
# The settings of a command line, in files that are not YAML.
COMMAND_LINES = {
    "systemd/audiosocket.service": r'^(?:Environment="SERVE=|ExecStart=\S+ serve )(.*?)"?$',
    "debian/audiosocket.default": r'^#?\s*SERVE="(.*)"$',
    "docker/Dockerfile": r'^CMD \["serve", (.*)\]$',
}


def containers(node):
    """Returns each container of a manifest."""
    if isinstance(node, dict):
        yield from node.get("containers", [])
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from containers(child)


def command_lines():
    """Returns a file and the arguments after `serve`, for each command line."""
    for name, pattern in COMMAND_LINES.items():
        found = re.findall(pattern, (HERE / name).read_text(), re.MULTILINE)
        if not found:
            sys.exit(f"{name} has no command line")
        for line in found:
            if line != "$SERVE":
                yield name, [word.strip('",') for word in line.split()]
    manifests = sorted((HERE / "kubernetes").glob("*.yaml"))
    for manifest in manifests:
        for document in yaml.safe_load_all(manifest.read_text()):
            for container in containers(document):
                serve, *args = container["args"]
                if serve != "serve":
                    sys.exit(f"{manifest.name} does not run `serve`")
                yield manifest.name, args
    if not manifests:
        sys.exit("there is no manifest")


def main():
    _, program = sys.argv
    helps = {}
    problems, options = [], 0
    for name, (mode, *args) in command_lines():
        if mode not in helps:
            run = subprocess.run([program, "serve", mode, "--help"], capture_output=True, text=True, check=False)
            if run.returncode:
                sys.exit(f"{name}: `serve {mode}`: {run.stderr}")
            helps[mode] = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", run.stdout, re.MULTILINE))
        for arg in args:
            if arg.startswith("-"):
                options += 1
                if arg.split("=")[0] not in helps[mode]:
                    problems.append(f"{name}: `serve {mode}` has no option {arg}")
    if problems:
        sys.exit("\n".join(problems))
    print(f"{options} options exist, in the modes {', '.join(sorted(helps))}")


if __name__ == "__main__":
    main()
