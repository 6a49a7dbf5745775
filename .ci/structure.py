#!/usr/bin/env python3
"""The shape of the tree: no file over 400 lines, no folder over 15 files, no type name twice, imports downwards only."""
import collections, os, re, subprocess, sys

ADAPTERS = {"blocking", "smol", "tokio"}
# Types that each adapter has under one name, so that code moves between adapters.
EACH_ADAPTER = {"Custom", "Driver", "Handshake", "HandshakeState", "RawListener", "Server", "ServerBuilder", "TcpListener"}
# The same, and `server` has the type that an adapter wraps or implements.
EACH_ADAPTER_AND_SERVER = {"CallHandle", "IncomingCall", "Listener"}
# Types with one definition for each system, in one crate.
EACH_SYSTEM = {"CallTimer", "ObservedProcess", "SharedTimer", "WakeFd"}
# The crates that each crate may use, as normal dependencies.
BELOW = {
    "proto": set(),
    "media": {"proto"},
    "server": {"proto"},
    "record": {"proto", "media", "server"},
    "testing": {"proto", "media", "server"},
    "status": {"proto", "server"},
    "blocking": {"proto", "server"},
    "smol": {"proto", "server"},
    "tokio": {"proto", "server"},
    "cli": {"proto", "media", "server", "record", "testing", "blocking", "smol", "tokio", "status"},
}

files = subprocess.run(["git", "ls-files", "--deduplicate"], capture_output=True, text=True, check=True).stdout.split("\n")
rust = [path for path in files if path.endswith(".rs") and os.path.exists(path)]
problems = []

for path in rust:
    lines = sum(1 for _ in open(path))
    if lines > 400:
        problems.append(f"{path} has {lines} lines, more than 400")

for folder, count in collections.Counter(os.path.dirname(path) for path in rust).items():
    if count > 15:
        problems.append(f"{folder} has {count} Rust files, more than 15: give it sub-folders")

places = collections.defaultdict(list)
for path in rust:
    crate = re.match(r"audiosocket-(\w+)/src/", path)
    if not crate or crate[1] not in BELOW or path.endswith("tests.rs"):
        continue
    code = re.split(r"#\[cfg\((?:all\()?test", open(path).read())[0]
    for name in re.findall(r"^\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union) (\w+)", code, re.M):
        places[name].append(path)


def may_share(name, paths):
    crates = {path.split("/")[0].removeprefix("audiosocket-") for path in paths}
    return (
        (name in EACH_ADAPTER and crates <= ADAPTERS)
        or (name in EACH_ADAPTER_AND_SERVER and crates <= ADAPTERS | {"server"})
        or (name in EACH_SYSTEM and len(crates) == 1)
    )


for name, paths in sorted(places.items()):
    if len(paths) > 1 and not may_share(name, paths):
        problems.append(f"{name} is the name of {len(paths)} types: {', '.join(paths)}")

for crate, below in BELOW.items():
    manifest = open(f"audiosocket-{crate}/Cargo.toml").read()
    normal = re.findall(r"^\[(?:target\.[^\]]*\.)?dependencies\]\n(.*?)(?=^\[|\Z)", manifest, re.M | re.S)
    for used in re.findall(r"^audiosocket-(\w+)", "\n".join(normal), re.M):
        if used not in below:
            problems.append(f"audiosocket-{crate} depends on audiosocket-{used}, which is not below it")

print("\n".join(problems))
sys.exit(bool(problems))
