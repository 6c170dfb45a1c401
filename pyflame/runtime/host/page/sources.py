"""The text of the CSL files that a program's instructions come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pyflame.runtime import csl

LIBRARY = Path(csl.__file__).parent / "lib"
MOST_BYTES = 1 << 20
"""Largest file that is shown."""


def find_sources(
    names: Sequence[str], last_lines: Sequence[int], roots: Sequence[Path]
) -> list[str | None]:
    """The text of each file, None where it is not found.

    A program names its files relative to its layout, so they are looked for in `roots` and their
    folders. Only .csl files inside a root are read, and only if they have as many lines as the
    program says (`last_lines`).
    """
    return [_text(name, last, roots) for name, last in zip(names, last_lines, strict=True)]


def _text(name: str, last: int, roots: Sequence[Path]) -> str | None:
    for root, path in _candidates(name, roots):
        try:
            real = path.resolve()
            inside = real.is_relative_to(root.resolve()) and real.suffix == ".csl"
            if not inside or not real.is_file() or real.stat().st_size > MOST_BYTES:
                continue
            text = real.read_text(encoding="utf-8", errors="replace")
        except (OSError, ValueError):
            continue
        if text.count("\n") + 1 >= last:
            return text
    return None


def _candidates(name: str, roots: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """(root, path) of the places where a file may lie, likeliest first."""
    if name.startswith("<") and name.endswith(">"):
        yield LIBRARY, LIBRARY / f"{name[1:-1]}.csl"
        return
    for root in roots:
        yield root, root / name
    for root in roots:
        try:
            folders = sorted(p for p in root.iterdir() if p.is_dir())[:64]
        except OSError:
            continue
        for folder in folders:
            yield root, folder / name
