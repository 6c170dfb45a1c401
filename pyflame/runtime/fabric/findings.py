"""What a verifier found: a list of texts, filled by checks on whole columns of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

MOST_SHOWN = 20
"""Findings in an error's message before it says how many more there are."""
_MOST_PER_CHECK = 3


@dataclass
class Findings:
    """Problems of one program, in the order they were found."""

    texts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Note a problem."""
        self.texts.append(text)

    def inside(
        self,
        name: str,
        values: np.ndarray | int,
        end: np.ndarray | int,
        *,
        least: int = 0,
        place: Callable[[int], str] | None = None,
    ) -> bool:
        """Note the first values that are not in `least` … `end` - 1; True if all are.

        `place` names the place of the i-th value.
        """
        values, end = np.broadcast_arrays(np.asarray(values), np.asarray(end))
        values, end = values.ravel(), end.ravel()
        bad = np.flatnonzero((values < least) | (values >= end))
        for i in bad[:_MOST_PER_CHECK]:
            where = f" at {place(int(i))}" if place else ""
            self.add(f"{name}{where} is {int(values[i])}; expected {least} to {int(end[i]) - 1}")
        if len(bad) > _MOST_PER_CHECK:
            self.add(f"… and {len(bad) - _MOST_PER_CHECK} more of {name}")
        return len(bad) == 0

    def array(
        self,
        name: str,
        array: np.ndarray,
        shape: tuple[int | None, ...],
        dtype: type[np.integer] = np.integer,
    ) -> bool:
        """Note an array of another shape (None is any length) or element type; True if fine."""
        fits = array.ndim == len(shape) and all(
            want is None or have == want for have, want in zip(array.shape, shape, strict=True)
        )
        if not fits:
            expected = tuple("any" if want is None else want for want in shape)
            self.add(f"{name} has shape {array.shape}; expected {expected}")
        typed = np.issubdtype(array.dtype, dtype)
        if not typed:
            self.add(f"{name} holds {array.dtype}; expected {dtype.__name__}")
        return fits and typed

    def text(self, head: str) -> str:
        """`head` and the findings, one per line."""
        lines = self.texts[:MOST_SHOWN]
        more = len(self.texts) - len(lines)
        lines += [f"… and {more} more"] if more else []
        return head + "".join(f"\n  {line}" for line in lines)
