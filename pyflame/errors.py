"""The errors of PyFlame: one tree, one shape of message.

Every error a user can cause derives from `PyFlameError` and says what was wrong, what was
expected, where, and what to do next. Command line tools print `str(error)` and exit 1; a
traceback is never shown for a user's mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class PyFlameError(Exception):
    """Root of all errors that PyFlame raises for a user's mistake or a limit of PyFlame."""


class ShapeError(PyFlameError, ValueError):
    """A shape, dimension or axis does not fit the operation."""


class DTypeError(PyFlameError, TypeError):
    """An element type does not fit the operation."""


class LayoutError(PyFlameError, ValueError):
    """A layout does not fit a tensor, a rectangle or another layout."""


class ParseError(PyFlameError, ValueError):
    """An input file could not be read; the message carries file, line and column."""


class VerifyError(PyFlameError, ValueError):
    """A module breaks a rule of its dialect, or two levels disagree about a value."""


class ResourceError(PyFlameError, RuntimeError):
    """A hardware resource is exhausted (colours, queues, task ids, memory)."""


class MemoryLimitError(ResourceError):
    """A PE class needs more than its local memory; the message holds the table of what takes it."""


class SimulationError(PyFlameError, RuntimeError):
    """A simulated program broke a rule of the machine; names PE, colour, queue and CSL line."""


class DeadlockError(SimulationError):
    """Nothing can move and the host still waits; lists every stuck PE, colour and queue."""


class LimitError(PyFlameError, RuntimeError):
    """A bound on size, depth, count or time was reached; the message names how to raise it."""


class InvalidModelError(PyFlameError, ValueError):
    """A model file is malformed or contradicts itself."""


@dataclass(frozen=True)
class Gap:
    """One thing that is not supported: `what` it is, `where` it stands, and `why` not."""

    what: str
    where: str = ""
    why: str = ""

    def __str__(self) -> str:
        where = f" at {self.where}" if self.where else ""
        why = f": {self.why}" if self.why else ""
        return f"{self.what}{where}{why}"


class UnsupportedError(PyFlameError, NotImplementedError):
    """Something PyFlame does not do yet. All gaps of one request are listed at once.

    `gaps` holds them; docs/status.md says what is planned.
    """

    def __init__(self, gaps: Gap | str | Sequence[Gap], hint: str = "") -> None:
        if isinstance(gaps, str):
            gaps = Gap(gaps)
        if isinstance(gaps, Gap):
            gaps = (gaps,)
        self.gaps: tuple[Gap, ...] = tuple(gaps)
        lines = "\n".join(f"  - {gap}" for gap in self.gaps)
        count = len(self.gaps)
        head = "not supported" if count == 1 else f"{count} things are not supported"
        tail = f"\n{hint}" if hint else ""
        super().__init__(f"{head}:\n{lines}{tail}")
