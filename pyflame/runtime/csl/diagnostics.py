"""Messages about CSL programs: collected, bounded, shown with the line and a caret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pyflame.errors import ParseError
from pyflame.runtime.csl.source import Span
from pyflame.source import Diagnostic, Note

__all__ = ["Abort", "CslError", "Diagnostic", "DiagnosticEngine", "Note", "TooManyErrors"]


class CslError(ParseError):
    """A CSL program cannot be compiled; `diagnostics` holds every message of the run."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(map(str, diagnostics)))


class Abort(Exception):
    """Unwinds to the nearest place that can go on after an error that is already recorded."""


class TooManyErrors(Abort):
    """The limit of errors is reached: nothing goes on."""


@dataclass
class DiagnosticEngine:
    """Collects the messages of one run, at most `max_errors` errors, each place once.

    With `trial`, what is read may be meant for another place: `muted` errors are not recorded.
    """

    max_errors: int = 20
    diagnostics: list[Diagnostic] = field(default_factory=list)
    error_count: int = 0
    trial: bool = False
    muted: int = 0
    failures: int = 0
    """How often `error` was called: also when the same message was recorded before."""
    _seen: set[tuple[str, int, str]] = field(default_factory=set)

    def error(self, span: Span | None, message: str, *notes: Note) -> None:
        """Record an error.

        Raises:
            TooManyErrors: the limit is reached.
        """
        self.failures += 1
        if self.trial and self.muted:
            return
        if not self._record("error", span, message, notes):
            return
        self.error_count += 1
        if self.error_count >= self.max_errors:
            raise TooManyErrors

    def warning(self, span: Span | None, message: str, *notes: Note) -> None:
        """Record a warning; warnings never stop a compile."""
        self._record("warning", span, message, notes)

    @contextmanager
    def muting(self) -> Iterator[None]:
        """In a trial, mute errors of what depends on the place of a program."""
        self.muted += 1
        try:
            yield
        finally:
            self.muted -= 1

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Errors here are mistakes wherever the program runs."""
        muted, self.muted = self.muted, 0
        try:
            yield
        finally:
            self.muted = muted

    def fail(self, span: Span | None, message: str, *notes: Note) -> Abort:
        """Record an error and return the exception that unwinds: ``raise engine.fail(…)``."""
        self.error(span, message, *notes)
        return Abort()

    def _record(
        self, severity: str, span: Span | None, message: str, notes: tuple[Note, ...]
    ) -> bool:
        key = ("", 0, message) if span is None else (span.file.name, span.start, message)
        if key in self._seen:
            return False
        self._seen.add(key)
        self.diagnostics.append(Diagnostic(message, span, notes, severity))
        return True

    @property
    def warnings(self) -> list[Diagnostic]:
        """The warnings recorded so far, in order."""
        return [d for d in self.diagnostics if d.severity == "warning"]

    def raise_if_errors(self) -> None:
        """Raise everything recorded when there is an error among it.

        Raises:
            CslError: at least one error was recorded.
        """
        if self.error_count:
            raise CslError(tuple(self.diagnostics))
