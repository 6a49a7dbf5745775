#!/usr/bin/env python3
"""Checks that the texts of this repository are plain English.

    prose.py [--worst N] [DIRECTORY]
    prose.py --self-test

Texts are Markdown, the comments of Rust, shell, Python and TOML files, and string literals of several words in Rust.

- A marker is a word or phrase that plain technical English does not need. Fails above MAX_MARKERS per 1,000 words in
  all, or above MAX_MARKERS_OF_A_FILE in a file of 60 words or more.
- Fails for a table cell of more than 200 characters in a Markdown file.
- Lists sentences of more than 35 words. Fails if there are more than MAX_LONG_SENTENCES: the number may only fall.
"""

import argparse
import collections
import re
import subprocess
import sys
from pathlib import Path

MAX_MARKERS = 0.5
MAX_MARKERS_OF_A_FILE = 4
MAX_CELL = 200
MAX_WORDS = 35
MAX_LONG_SENTENCES = 20

MARKERS = re.compile(
    r"\b(told|tells?|telling|whoever|whomever|whom|nobody|somebody|anybody|what waits|in earnest|in vain|likewise|be it"
    r"|for ever|gets? round to|once more|of its own accord|is to be|are to be|so many|so long|by which|of which"
    r"|at the latest|at the most|whose turn|it is the \w+'s? turn)\b",
    re.IGNORECASE,
)

# Code and names, which are not prose.
CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*(?:\n[^`\n]+)?`", re.DOTALL)

RUST = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)"""
    r"""|b?r(?P<hashes>\#*)"(?P<raw>.*?)"(?P=hashes)"""
    r"""|[bc]?"(?P<string>(?:\\.|[^"\\])*)\""""
    r"""|'(?:\\.[^']*|[^'\\])'""",
    re.DOTALL,
)


def rust_texts(source):
    """Returns the comments of Rust code as one text, and each string literal of several words."""
    comments, strings, last_line = [], [], None
    for match in RUST.finditer(source):
        comment, text = match["comment"], match["raw"] or match["string"]
        if comment:
            line = source.count("\n", 0, match.start())
            if last_line is not None and line > last_line + 1:
                comments.append("")  # Another paragraph.
            last_line = line + comment.count("\n")
            comments.append(re.sub(r"^(//[/!]?|/\*+!?)|\*/$", "", comment).strip())
        elif text and text.count(" ") >= 4:
            text = re.sub(r"\\\n\s*", "", text)
            strings.append(re.sub(r"\\[nrt]", "\n", text).replace('\\"', '"'))
    return ["\n".join(comments), *strings]


def hash_texts(source):
    """Returns the comments of a shell, Python or TOML file as one text."""
    lines = []
    for line in source.splitlines():
        match = re.match(r"\s*#(?!!)(.*)", line) or re.search(r"\s#\s(.*)", line)
        lines.append(match[1].removeprefix(" ") if match else "")
    return ["\n".join(lines)]


def python_texts(source):
    """Returns the comments and docstrings of a Python file."""
    docstrings = re.findall(r'"""(.*?)"""', source, re.DOTALL)
    return [*hash_texts(re.sub(r'"""(.*?)"""', "", source, flags=re.DOTALL)), *docstrings]


def reader(path, source):
    """Returns the function that finds the texts of a file, or None if it has none."""
    if path.suffix == ".rs":
        return rust_texts
    if path.suffix == ".md":
        return lambda source: [source]
    if path.suffix == ".py":
        return python_texts
    if path.suffix in (".toml", ".sh") or re.match(r"#!.*\b(ba)?sh\b", source):
        return hash_texts
    return None


def without_code(text):
    """Replaces code by one word, and links by their text."""
    text = CODE.sub(lambda code: "\n\n" if "\n" in code[0] and code[0][:3] in ("```", "~~~") else "Code", text)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])", r"\1", text)
    return re.sub(r"https?://\S+", "Code", text)


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def sentences(text, markdown=True):
    """Splits a text without code into sentences. A heading, a list item and a table cell end one.

    In a text that is not Markdown, such as a help text, a line that is indented a little is an example or an item.
    """
    block = []
    for line in [*text.splitlines(), ""]:
        indentation = re.match(r"[\s>]*", line)[0]
        line = line.removeprefix(indentation)
        starts = re.match(r"([-*+]|\d+\.)\s|#|\|", line) or (not markdown and 0 < len(indentation) < 8)
        if block and (not line or starts):
            yield from re.split(r"(?<=[.!?])[\")]*\s+", " ".join(block))
            block = []
        if line.startswith("|"):
            for cell in cells(line):
                yield from re.split(r"(?<=[.!?])\s+", cell)
        elif line:
            block.append(re.sub(r"^([-*+]|\d+\.|#+)\s+", "", line))


def count_words(text):
    return len(re.findall(r"[A-Za-z][A-Za-z'’-]*", text))


class Report:
    def __init__(self):
        self.words = 0
        self.markers = 0
        self.files = []  # (markers per 1,000 words, words, path, markers)
        self.long_cells = []  # (path, line, characters)
        self.long_sentences = []  # (words, path, sentence)

    def add(self, path, source):
        texts_of = reader(path, source)
        if texts_of is None:
            return
        words, markers = 0, []
        for number, text in enumerate(map(without_code, texts_of(source))):
            # The comments of Rust are Markdown, too.
            markdown = path.suffix == ".md" or path.suffix == ".rs" and number == 0
            words += count_words(text)
            markers += [marker[0].lower() for marker in MARKERS.finditer(text)]
            for sentence in sentences(text, markdown):
                if count_words(sentence) > MAX_WORDS:
                    self.long_sentences.append((count_words(sentence), path, sentence))
        self.words += words
        self.markers += len(markers)
        if words >= 60 and markers:
            self.files.append((1000 * len(markers) / words, words, path, collections.Counter(markers)))
        if path.suffix == ".md":
            self.add_cells(path, source)

    def add_cells(self, path, source):
        fenced = False
        for number, line in enumerate(source.splitlines(), 1):
            fenced ^= line.lstrip().startswith("```")
            if fenced or not line.lstrip().startswith("|"):
                continue
            for cell in cells(re.sub(r"\]\([^)]*\)", "]", line)):
                if len(cell) > MAX_CELL:
                    self.long_cells.append((path, number, len(cell)))

    def per_thousand(self):
        return 1000 * self.markers / max(self.words, 1)

    def problems(self):
        if self.per_thousand() > MAX_MARKERS:
            yield f"{self.per_thousand():.2f} markers per 1,000 words in all; at most {MAX_MARKERS}"
        for density, _, path, _ in self.files:
            if density > MAX_MARKERS_OF_A_FILE:
                yield f"{path}: {density:.1f} markers per 1,000 words; at most {MAX_MARKERS_OF_A_FILE}"
        for path, line, length in self.long_cells:
            yield f"{path}:{line}: a table cell of {length} characters; at most {MAX_CELL}"
        if len(self.long_sentences) > MAX_LONG_SENTENCES:
            yield (
                f"{len(self.long_sentences)} sentences of more than {MAX_WORDS} words; at most {MAX_LONG_SENTENCES}."
                " Split the new ones"
            )

    def print(self, worst):
        print(f"{self.markers} markers in {self.words} words: {self.per_thousand():.2f} per 1,000")
        for density, words, path, markers in sorted(self.files, key=lambda file: -file[0])[:worst]:
            found = ", ".join(f"{marker} {count}" for marker, count in markers.most_common())
            print(f"{density:6.1f}  {path} ({words} words): {found}")
        by_path = collections.Counter(path for _, path, _ in self.long_sentences)
        print(f"{len(self.long_sentences)} sentences of more than {MAX_WORDS} words, in {len(by_path)} files")
        for words, path, sentence in sorted(self.long_sentences, key=lambda found: -found[0])[:worst]:
            print(f"{words:6}  {path}: {sentence[:90]}…")


def tracked_files(root):
    """Returns the files that git tracks, and those that are new and not ignored."""
    command = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    for name in sorted(set(filter(None, names))):
        path = Path(name)
        if not path.name.startswith("LICENSE") and (root / path).is_file():
            yield path


def check(root, worst):
    report = Report()
    for path in tracked_files(root):
        # The lists of words are in these files.
        if path.name == "prose.py":
            continue
        try:
            report.add(path, (root / path).read_text())
        except UnicodeDecodeError:
            continue
    report.print(worst)
    problems = list(report.problems())
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def self_test():
    """Texts with a fault fail, and texts without pass."""
    filler = " ".join(["This sentence is plain."] * 20)
    long_sentence = " ".join(["word"] * 40) + "."
    long_cell = f"| {'x' * 201} | y |"
    items = "\n".join(["  one item of eight words on a line"] * 10)
    good = {
        "plain.md": filler,
        "cell.md": f"| {'x' * 200} | [y](https://example.com/{'z' * 200}) |",
        "code.md": f"{filler}\n```sh\necho told {long_cell}\n```\n`told`",
        "code.rs": f'let told = "told"; // {filler}\nlet nobody = \'"\';',
        "list.md": "\n".join(["- one item of ten words that goes on and on"] * 10),
        "help.rs": f'const HELP: &str = "Examples of commands and more:\n{items}";',
        "run.sh": f"#!/bin/sh\n# {filler}\necho nobody told somebody of anybody",
    }
    bad = {
        "marker.md": f"{filler} Nobody knows.",
        "comment.rs": f"// {filler}\n// The handler is told.",
        "doc.rs": f"/// {filler}\n/// Whoever calls.",
        "block.rs": f"/* {filler}\n in vain */",
        "string.rs": f'// {filler}\nlet help = "The server waits \\\n    so long as it can, and then ends";',
        "raw.rs": f'// {filler}\nlet help = r#"The server tells "all" callers about it"#;',
        "run.sh": f"#!/bin/bash\n# {filler}\n# It is to be run as root.",
        "Cargo.toml": f"# {filler}\n# Likewise.",
        "long.md": long_sentence,
        "help.rs": f'const HELP: &str = "{long_sentence}";',
        "long.rs": "\n".join(["/// word word word word word word word word"] * 5),
        "cell.md": long_cell,
    }
    for name, source in [*good.items(), *bad.items()]:
        report = Report()
        report.add(Path(name), source)
        failed = report.markers > 0 or report.long_cells or report.long_sentences
        assert bool(failed) == (bad.get(name) == source), f"{name}: {source}"
    print(f"self-test: {len(good)} texts pass, {len(bad)} fail")


arguments = argparse.ArgumentParser()
arguments.add_argument("directory", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
arguments.add_argument("--worst", type=int, default=20)
arguments.add_argument("--self-test", action="store_true")
arguments = arguments.parse_args()
if arguments.self_test:
    self_test()
else:
    sys.exit(check(arguments.directory, arguments.worst))
