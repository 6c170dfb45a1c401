"""Measured tables go between their markers in a page of docs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def write_table(
    name: str,
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    page: str = "performance.md",
) -> None:
    """Print a table, and put it into a page of docs where ``<!-- begin NAME -->`` says."""
    path = DOCS / page
    lines = [head, ["---"] * len(head), *rows]
    text = "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
    print(f"{name}\n{text}\n")
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    old = path.read_text(encoding="utf-8")
    if old.count(begin) != 1 or old.count(end) != 1:
        sys.exit(f"{page}: expected one {begin} … {end}")
    before, rest = old.split(begin)
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}", encoding="utf-8")
