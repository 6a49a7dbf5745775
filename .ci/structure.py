#!/usr/bin/env python3
"""The shape of the tree: no file over 400 lines, no folder over 15 files, no type name twice, imports downwards only.

The files of a crate import downwards if no circle of files import each other by paths that begin with `crate`, `super` or
`self`. A path leads to the file of its last module, so what `lib.rs` exports makes no circle. A `use` of a file's own
submodules without `self` does not count.
"""
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


def without_tests(path):
    """Returns the source without the inline tests, which are at the end of a file."""
    return re.split(r"^\s*#\[cfg\((?:all\()?test\b.*\)\]\n\s*mod tests \{", open(path).read(), flags=re.M)[0]


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
    for name in re.findall(r"^\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union) (\w+)", without_tests(path), re.M):
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


def paths_of(tree):
    """Returns the paths of a `use`, such as `a::{b, c::d}`, as lists of names."""
    paths, outer, path = [], [[]], []
    for token in re.findall(r"\w+|[{},]", re.sub(r" as \w+", "", tree) + ","):
        if token == "{":
            outer.append(path)
        elif token in ",}":
            if path:
                paths.append(path)
            if token == "}":
                outer.pop()
            path = outer[-1] if token == "," else []
        else:
            path = [*path, token]
    return paths


def file_of(source, names):
    """Returns the file of the last module in a path from the root of a crate. `None` if the path has no module."""
    for end in range(len(names), 0, -1):
        module = "/".join([source, *names[:end]])
        for path in (f"{module}.rs", f"{module}/mod.rs"):
            if path in sources:
                return path


sources = {path for path in rust if re.match(r"audiosocket-\w+/src/", path) and not re.search(r"/tests(\.rs|/)", path)}
imports = collections.defaultdict(set)
for path in sources:
    crate, module = path.removesuffix(".rs").split("/src/", 1)
    module = module.split("/")
    if module[-1] in {"lib", "main", "mod"}:
        module.pop()
    code = re.sub(r"//.*", "", without_tests(path))
    for tree in re.findall(r"\buse\s+((?:crate|super|self)::[^;]*);", code):
        for names in paths_of(tree):
            base = [] if names[0] == "crate" else module
            while names and names[0] in {"crate", "self", "super"}:
                base = base[:-1] if names[0] == "super" else base
                names = names[1:]
            target = file_of(f"{crate}/src", [*base, *names])
            if target and target != path:
                imports[path].add(target)


def all_imports(path):
    """Returns all files that a file imports, directly and by others."""
    found, new = set(), [path]
    while new:
        more = imports[new.pop()] - found
        found |= more
        new += more
    return found


reached = {path: all_imports(path) for path in sources}
circles = {tuple(sorted(other for other in reached[path] if path in reached[other])) for path in sources}
for circle in sorted(circles - {()}):
    problems.append(f"a circle of files that import each other: {', '.join(circle)}")

print("\n".join(problems))
sys.exit(bool(problems))
