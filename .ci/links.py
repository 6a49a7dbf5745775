#!/usr/bin/env python3
"""Checks every link of the guide and of all Markdown files: the file exists, and so does the anchor.

    links.py            after `mdbook` is installed
    links.py --self-test

mdBook renders all Markdown files of the repository as one book, in `target/links`. A link to another Markdown file is
a link to its page there; every other relative link must lead to a file or folder of the repository. Links to other
machines are not followed.

In CONTRIBUTING.md, each code span that ends with `.rs` is the path of a file: from the root, or from `src` of a crate.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
CONFIG = '[book]\ntitle = "Links"\n[build]\ncreate-missing = false\n[output.html]\nhash-files = false\n'
# Pages that mdBook makes by itself.
GENERATED = {"404.html", "print.html", "toc.html"}


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.anchors = set()
        self.links = []  # (line, target)
        self.in_main = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.in_main |= tag == "main"
        if not self.in_main:
            return
        self.anchors.update(filter(None, [attributes.get("id"), attributes.get("name")]))
        target = attributes.get("href" if tag == "a" else "src")
        if target and "header" not in (attributes.get("class") or ""):
            self.links.append((self.getpos()[0], target))

    def handle_endtag(self, tag):
        self.in_main &= tag != "main"


def page_of(markdown):
    """Returns the page that mdBook makes of a Markdown file."""
    return markdown.with_name("index.html") if markdown.name == "README.md" else markdown.with_suffix(".html")


def build(root, names, work):
    """Renders the Markdown files of `root` and returns their pages."""
    shutil.rmtree(work, ignore_errors=True)
    for name in names:
        copy = work / "src" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, copy)
    entries = [f"- [{name}]({name})\n" for name in names if Path(name).name != "SUMMARY.md"]
    (work / "src" / "SUMMARY.md").write_text("# Summary\n\n" + "".join(entries))
    (work / "book.toml").write_text(CONFIG)
    result = subprocess.run(["mdbook", "build", work], capture_output=True, text=True, check=False)
    output = result.stdout + result.stderr
    if result.returncode or "ERROR" in output:
        sys.exit(output)
    book = work / "book"
    paths = [page_of(Path(name)) for name in names if Path(name).name != "SUMMARY.md"]
    return {path: Page((book / path).read_text()) for path in paths}


def problems(root, pages):
    for path, page in sorted(pages.items()):
        # rustdoc shows the other Markdown files, and resolves the paths of types in them.
        for_readers = "docs" in path.parts
        for _, target in page.links:
            url = urlsplit(target)
            if "::" in target:
                if for_readers:
                    yield f"{path}: the link `{target}` works in rustdoc only"
                continue
            if url.scheme or url.netloc:
                continue
            try:
                to = (root / path.parent / unquote(url.path)).resolve().relative_to(root.resolve()) if url.path else path
            except ValueError:
                yield f"{path}: `{target}` leads out of the repository"
                continue
            if to.name == "README.html":
                to = to.with_name("index.html")
            if to in pages:
                anchor = unquote(url.fragment)
                if anchor and anchor not in pages[to].anchors:
                    yield f"{path}: `{target}`: no such heading in {to}"
            elif not (root / to).exists():
                yield f"{path}: `{target}`: no such file"


def missing_files(root, page):
    """Yields the code spans of a Markdown file that end with `.rs` and are no path from the root or from `src` of a crate."""
    text = re.sub(r"^```.*?^```", "", (root / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    for path in sorted(set(re.findall(r"`([^`\s]+\.rs)`", text))):
        if not any(place.is_file() for place in [root / path, *(src / path for src in root.glob("*/src"))]):
            yield f"{page}: `{path}`: no such file at the root or in `src` of a crate"


def check():
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\n")
    names = sorted(name for name in set(listed) if name and (ROOT / name).is_file())
    pages = build(ROOT, names, ROOT / "target" / "links")
    found = [*problems(ROOT, pages), *missing_files(ROOT, "CONTRIBUTING.md")]
    # Rust code in the guide is compiled: by the crate whose page is included, or by the list in `guide.rs`.
    compiled = (ROOT / "audiosocket-conformance/src/guide.rs").read_text()
    for page in (ROOT / "docs/src").glob("*.md"):
        if re.search(r"^```rust", page.read_text(), re.MULTILINE) and f'"../../docs/src/{page.name}"' not in compiled:
            found.append(f"docs/src/{page.name}: its Rust code is not in audiosocket-conformance/src/guide.rs")
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    links = sum(len(page.links) for page in pages.values())
    print(f"{links} links in {len(pages)} pages, {len(found)} dead")
    return 1 if found else 0


def self_test():
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        (root / "docs").mkdir()
        (root / "code.rs").write_text("")
        (root / "docs/page.md").write_text("# Page\n\n## A heading\n\n[up](../README.md#start) [code](../code.rs) [x](https://a.example/#b)\n")
        (root / "README.md").write_text("# Start\n\n[a](docs/page.md#a-heading) [b](#start) [c](docs) [d](io::Error)\n")
        names = ["README.md", "docs/page.md"]
        assert list(problems(root, build(root, names, root / "work"))) == []
        (root / "README.md").write_text("# Start\n\n[a](docs/page.md#b) [b](#end) [c](doc) [d](docs/pag.md) [e](../x)\n")
        (root / "docs/page.md").write_text("# Page\n\n[a](io::Error)\n")
        found = list(problems(root, build(root, names, root / "work")))
        assert len(found) == 6, found
        (root / "crate/src/io").mkdir(parents=True)
        (root / "crate/src/io/read.rs").write_text("")
        (root / "README.md").write_text("`code.rs` `io/read.rs` `no file.rs`\n\n```sh\n`block.rs`\n```\n")
        assert list(missing_files(root, "README.md")) == []
        (root / "README.md").write_text("`read.rs` `io/write.rs` `crate/src/io/read.rs`\n")
        found = list(missing_files(root, "README.md"))
        assert len(found) == 2, found
    print("self-test: dead links and missing files are found")


if "--self-test" in sys.argv[1:]:
    self_test()
else:
    sys.exit(check())
