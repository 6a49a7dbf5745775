#!/usr/bin/env python3
"""The shape of the tree: no file over 400 lines, no folder over 15 files, no type name twice, imports downwards only."""
import collections, os, re, subprocess, sys

# Types that each adapter has under one name, so that code moves between adapters.
EACH_ADAPTER = {"CallHandle", "Custom", "Driver", "Handshake", "IncomingCall", "Listener", "RawListener", "Server", "ServerBuilder", "State", "TcpListener"}
# Types with one definition for each system.
EACH_SYSTEM = {"CallTimer", "ObservedProcess", "SharedTimer", "WakeFd"}
# A crate may use those ahead of it, as normal dependencies.
LAYERS = ["proto", "server", "media", "record", "testing", "blocking", "smol", "tokio", "cli"]
SIDEWAYS = {("testing", "tokio"), ("record", "tokio"), ("smol", "blocking"), ("tokio", "smol"), ("tokio", "blocking"), ("blocking", "record"), ("blocking", "testing"),
            ("smol", "record"), ("smol", "testing"), ("tokio", "record"), ("tokio", "testing"), ("media", "server"), ("server", "media")}

files = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")
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
    if not crate or crate[1] not in LAYERS or path.endswith("tests.rs"):
        continue
    code = re.split(r"#\[cfg\((?:all\()?test", open(path).read())[0]
    for name in re.findall(r"^\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union) (\w+)", code, re.M):
        places[name].append(path)
for name, paths in sorted(places.items()):
    if len(paths) > 1 and name not in EACH_ADAPTER | EACH_SYSTEM:
        problems.append(f"{name} is the name of {len(paths)} types: {', '.join(paths)}")

for crate in LAYERS:
    manifest = open(f"audiosocket-{crate}/Cargo.toml").read()
    normal = re.findall(r"^\[(?:target\.[^\]]*\.)?dependencies\]\n(.*?)(?=^\[|\Z)", manifest, re.M | re.S)
    for used in re.findall(r"^audiosocket-(\w+)", "\n".join(normal), re.M):
        if LAYERS.index(used) > LAYERS.index(crate) or (crate, used) in SIDEWAYS:
            problems.append(f"audiosocket-{crate} depends on audiosocket-{used}, which is not below it")

print("\n".join(problems))
sys.exit(bool(problems))
