"""The same thing said of many PEs, said once: what reports of large meshes are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

MOST_NAMED = 8
"""PEs that are listed one by one."""
MOST_PARTS = 4
"""Rectangles that are listed one by one."""
VALUE = "\0"
"""Stands in a note's text for a value that may differ between PEs."""


@dataclass(frozen=True)
class Note:
    """Something about one PE: `text` has a `VALUE` for each of `values`; notes of several PEs are
    put together if their texts agree. Lower ranks matter more."""

    rank: int
    text: str
    values: tuple[int | str, ...] = ()


def grouped(notes: Iterable[tuple[int, Note]], width: int, most: int) -> list[str]:
    """Lines for (PE index, note) pairs, in order of PE; with more than `most`, those that matter.

    Values that differ within a group become a range, or the first one and an ellipsis.
    """
    groups: dict[tuple[int, str], tuple[list[int], list[tuple[int | str, ...]]]] = {}
    for pe, note in notes:
        pes, values = groups.setdefault((note.rank, note.text), ([], []))
        pes.append(pe)
        values.append(note.values)
    ordered = sorted(groups.items(), key=lambda item: (item[1][0][0], item[0][0]))
    hidden = len(ordered) - most
    if hidden > 0:
        ordered.sort(key=lambda item: (item[0][0], -len(item[1][0]), item[1][0][0]))
    lines = [
        f"{places(pes, width)}: {_filled(text, values)}"
        for (_, text), (pes, values) in ordered[:most]
    ]
    return [*lines, f"… and {hidden} more"] if hidden > 0 else lines


def _filled(text: str, values: Sequence[tuple[int | str, ...]]) -> str:
    """A note's text with the values of all its PEs."""
    first, *rest = text.split(VALUE)
    merged = map(_merged, zip(*values, strict=True))
    return first + "".join(value + part for value, part in zip(merged, rest, strict=True))


def _merged(values: Sequence[int | str]) -> str:
    """One text for a value of several PEs."""
    numbers = [v for v in values if isinstance(v, int)]
    if len(set(values)) == 1 or len(numbers) < len(values):
        return f"{values[0]}{'' if len(set(values)) == 1 else ' …'}"
    return f"{min(numbers)} to {max(numbers)}"


def places(pes: Sequence[int], width: int) -> str:
    """``PE (1, 0)``, or how many PEs and which: ``40 PEs, (0, 0) to (39, 0)``."""
    distinct = sorted(set(pes))
    if len(distinct) == 1:
        return f"PE {_at(distinct[0], width)}"
    return f"{len(distinct)} PEs, {which(distinct, width)}"


def which(pes: Sequence[int], width: int) -> str:
    """Several PEs by their coordinates: all of a few, or the rectangle that they fill."""
    if len(pes) <= MOST_NAMED:
        return ", ".join(_at(pe, width) for pe in pes)
    indices = np.asarray(pes)
    x, y = indices % width, indices // width
    box = f"({x.min()}, {y.min()}) to ({x.max()}, {y.max()})"
    columns, rows = int(np.ptp(x)) + 1, int(np.ptp(y)) + 1
    if columns * rows == len(pes):
        return box
    parts = _rectangles(x, y)
    if len(parts) == 2:
        return " and ".join(parts)
    if columns * rows - len(pes) <= MOST_NAMED:
        inside = (np.arange(rows)[:, None] + y.min()) * width + np.arange(columns) + x.min()
        others = np.setdiff1d(inside, indices)
        return f"{box} without {', '.join(_at(int(pe), width) for pe in others)}"
    if len(parts) <= MOST_PARTS:
        return " and ".join(parts)
    named = ", ".join(_at(int(pe), width) for pe in pes[:MOST_NAMED])
    return f"{named} and {len(pes) - MOST_NAMED} more"


def _rectangles(x: np.ndarray, y: np.ndarray) -> list[str]:
    """PEs, in order of row, as rectangles: neighbouring columns with the same rows together."""
    columns: dict[int, tuple[int, ...]] = {}
    for column in np.unique(x).tolist():
        own = np.sort(y[x == column])
        ends = np.flatnonzero(np.diff(own, append=own[-1] + 2) != 1)
        starts = np.concatenate([[0], ends[:-1] + 1])
        columns[column] = tuple(own[np.stack([starts, ends], axis=1).ravel()].tolist())
    found: list[str] = []
    first = previous = -2
    for column in [*columns, -1]:
        if column != previous + 1 or columns.get(column) != columns.get(previous):
            runs = columns.get(previous, ())
            found += [
                f"({first}, {low}) to ({previous}, {high})"
                for low, high in zip(runs[::2], runs[1::2], strict=True)
            ]
            first = column
        previous = column
    return found


def _at(pe: int, width: int) -> str:
    return f"({pe % width}, {pe // width})"
