"""The examples in the documentation run and print what the page says.

In a page, in order and sharing one namespace and one folder:

- a ``python`` block with ``>>>`` prompts is a doctest;
- a block whose first line is ``# file: NAME`` or ``// file: NAME`` becomes that file;
- a ``console`` block holds ``$ command`` lines, each with the output that it prints below it;
  ``...`` alone on a line stands for any lines, ``[exit N]`` for an exit code other than 0.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(?P<kind>[\w-]*)[^\n]*\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?:#|//) file: (?P<name>[\w.-]+)\n")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """One fenced block of a page: its language, its text and its line."""

    kind: str
    body: str
    line: int


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(m["kind"], m["body"], text.count("\n", 0, m.start()) + 1)
        for m in FENCE.finditer(text)
    ]


def run_python(block: Block, names: dict[str, object], page: str) -> list[str]:
    test = doctest.DocTestParser().get_doctest(block.body, names, page, page, block.line)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append, clear_globs=False)
    names.update(test.globs)
    return report


def run_console(block: Block, folder: Path) -> list[str]:
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    problems: list[str] = []
    for command, expected in commands(block.body):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env={**os.environ, "PATH": tools},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        printed = done.stdout.rstrip("\n")
        if done.returncode:
            printed = f"{printed}\n[exit {done.returncode}]".lstrip("\n")
        if not matches(expected, printed):
            problems.append(f"$ {command}\nexpected:\n{expected}\nprinted:\n{printed}")
    return problems


def commands(body: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it should print."""
    found: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and found[-1][0].endswith("\\") and line.startswith("> "):
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
        elif found:
            found[-1][1].append(line)
    return [(command, "\n".join(lines).rstrip("\n")) for command, lines in found]


def matches(expected: str, printed: str) -> bool:
    """Whether the output is as expected, ``...`` lines standing for anything."""
    if "..." not in expected.splitlines():
        return expected == printed
    escaped = re.sub(r"([*?\[])", r"[\1]", expected)
    pattern = re.sub(r"^\.\.\.$", "*", escaped, flags=re.MULTILINE)
    return fnmatchcase(printed, pattern) or fnmatchcase(f"{printed}\n", pattern)


def check(text: str, folder: Path, page: str) -> list[str]:
    """What does not run as the page says."""
    names: dict[str, object] = {}
    problems: list[str] = []
    for block in blocks(text):
        file = FILE.match(block.body)
        if file:
            (folder / file["name"]).write_text(block.body[file.end() :])
        elif block.kind == "python" and ">>>" in block.body:
            problems += run_python(block, names, page)
        elif block.kind == "console":
            problems += [f"line {block.line}: {p}" for p in run_console(block, folder)]
    return problems


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """In a process of its own, since an example may add to PyFlame's tables."""
    done = subprocess.run(
        [sys.executable, __file__, str(page)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)(?P<target>[^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    targets = [m["target"] for m in LINK.finditer(text)]
    assert [t for t in targets if not (page.parent / t).exists()] == []


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("```python\n>>> x = 1\n```\ntext\n```python\n>>> x + 1\n2\n```\n", True),
        ("```python\n>>> 1 + 1\n3\n```\n", False),
        ("```mlir\n// file: a.txt\nhello\n```\n```console\n$ cat a.txt\nhello\n```\n", True),
        ("```console\n$ echo a; echo b\n...\nb\n```\n", True),
        ("```console\n$ echo a\nb\n```\n", False),
        ("```console\n$ echo a\n```\n", False),
        ("```console\n$ exit 3\n[exit 3]\n```\n", True),
        ("```console\n$ exit 3\n```\n", False),
        ("```console\n$ echo a \\\n> b\na b\n```\n", True),
        ("```sh\nmake test\n```\n", True),
    ],
)
def test_the_check_itself(text: str, good: bool, tmp_path: Path) -> None:
    assert (check(text, tmp_path, "page") == []) is good


if __name__ == "__main__":
    print("\n".join(check(Path(sys.argv[1]).read_text(), Path.cwd(), sys.argv[1])), end="")
