"""The text of the CSL files that a program's instructions come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from pyflame.runtime import csl

LIBRARY = Path(csl.__file__).parent / "lib"
MOST_BYTES = 1 << 20
"""Largest file that is shown."""


def find_sources(
    names: Sequence[str],
    digests: Sequence[str],
    last_lines: Sequence[int],
    roots: Sequence[Path],
) -> list[str | None]:
    """The text of each file, None where it is not found or no longer what was compiled.

    A program names its files relative to its layout, so they are looked for in `roots` and their
    folders. A file that the program knows the SHA-256 of (`digests`, which may be empty) has to
    have it, wherever it lies: whoever made the program knew the text. Any other must lie inside a
    root and have as many lines as the program says (`last_lines`). Only .csl files are read.
    """
    known = digests or [""] * len(names)
    rows = zip(names, known, last_lines, strict=True)
    return [_text(name, digest, last, roots) for name, digest, last in rows]


def _text(name: str, digest: str, last: int, roots: Sequence[Path]) -> str | None:
    for root, path in _candidates(name, roots):
        try:
            real = path.resolve()
            fine = bool(digest) or real.is_relative_to(root.resolve())
            if real.suffix != ".csl" or not fine or not real.is_file():
                continue
            if real.stat().st_size > MOST_BYTES:
                continue
            content = real.read_bytes()
        except (OSError, ValueError):
            continue
        if digest and hashlib.sha256(content).hexdigest() != digest:
            continue
        text = content.decode(errors="replace")
        if text.count("\n") + 1 >= last:
            return text
    return None


def _candidates(name: str, roots: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """(root, path) of the places where a file may lie, likeliest first."""
    if name.startswith("<") and name.endswith(">"):
        for root in (LIBRARY, LIBRARY.parent.parent):  # or another file of the runtime
            yield root, root / f"{name[1:-1]}.csl"
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
