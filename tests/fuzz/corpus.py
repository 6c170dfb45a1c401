"""Valid programs to spoil: those of our tests, of the benchmarks, and the library modules.

Strings of the tests are taken if they compile in one of the `FRAMES`, so that a new test is a new
entry.
"""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pyflame.errors import PyFlameError
from pyflame.runtime.csl import compile_program
from tests.runtime.programs import sources

ROOT = Path(__file__).parents[2]
TESTS = (
    "tests/runtime/csl",
    "tests/runtime/csl/language",
    "tests/runtime/programs",
    "tests/runtime/host",
)
FOLDERS: Mapping[str, Mapping[str, int]] = {
    "tests/fuzz/program": {},
    "tests/runtime/host/programs/scale": {"width": 2, "n": 4},
    "tests/runtime/host/programs/echo": {"MEMCPYH2D_DATA_1_ID": 4, "MEMCPYD2H_DATA_1_ID": 5},
}
"""Programs in files of their own, and their params."""

ONE = """
param p: i16 = 7;
layout {
  @set_rectangle(1, 1);
  @set_tile_code(0, 0, "pe.csl", .{});
}
"""
RUN = (
    "\nconst main_id = @get_local_task_id(9);"
    "\ncomptime { @bind_local_task(main, main_id); @activate(main_id); }\n"
)


@dataclass(frozen=True)
class Entry:
    """Files of a program by name, `layout.csl` among them; `origin` says where they are from."""

    origin: str
    files: Mapping[str, str]
    params: Mapping[str, int] = field(default_factory=dict)


def _framed(text: str) -> Iterator[dict[str, str]]:
    """Programs that a string of a test can be the PE file, or the layout, of."""
    if "layout" in text and "@set_rectangle" in text:
        yield {"layout.csl": text, "pe.csl": ""}
    elif "main" in text:
        yield {"layout.csl": ONE, "pe.csl": text + RUN}
        yield sources.Source(text).texts()
        yield sources.Source(text, width=2, routes=sources.east(2)).texts()
    yield {"layout.csl": ONE, "pe.csl": text}


@cache
def programs(most: int = 10_000) -> tuple[Entry, ...]:
    """Programs that compile for both architectures, at most `most` of them, evenly chosen."""
    texts = sorted(_strings())
    step = max(1, len(texts) // most)
    found = [entry for text, origin in texts[::step] if (entry := _compiling(text, origin))]
    return (*_folders(), *found)


@cache
def modules() -> tuple[tuple[str, str], ...]:
    """Names and texts of files that need a frame to compile: library modules, cycle programs."""
    folders = (ROOT / "pyflame" / "runtime" / "csl" / "lib", ROOT / "benchmarks" / "cycles")
    paths = [path for folder in folders for path in sorted(folder.rglob("*.csl"))]
    return tuple((path.stem, path.read_text(encoding="utf-8")) for path in paths)


def _folders() -> Iterator[Entry]:
    for folder, params in FOLDERS.items():
        paths = sorted((ROOT / folder).glob("*.csl"))
        files = {path.name: path.read_text(encoding="utf-8") for path in paths}
        if not _compiles(files, params):
            raise AssertionError(f"{folder} does not compile")
        yield Entry(folder, files, params)


def _strings() -> Iterator[tuple[str, str]]:
    """String literals of the tests that look like CSL, each once, and their places."""
    seen: set[str] = set()
    for folder in TESTS:
        for path in sorted((ROOT / folder).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                    continue
                if "{" in node.value and ";" in node.value and node.value not in seen:
                    seen.add(node.value)
                    yield node.value, f"{path.name}:{node.lineno}"


def _compiling(text: str, origin: str) -> Entry | None:
    for files in _framed(text):
        if _compiles(files):
            return Entry(origin, files)
    return None


def _compiles(files: Mapping[str, str], params: Mapping[str, int] | None = None) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        try:
            for arch in ("wse2", "wse3"):
                layout = Path(folder, "layout.csl")
                compile_program(layout, arch=arch, params=params, comptime_limit=100_000)
        except PyFlameError:
            return False
    return True
