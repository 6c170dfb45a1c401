"""A page of the language reference as tables of programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Page:
    """Rules of the reference by name, each as the text of one PE program.

    `valid` compile without a warning, `computes` leave these numbers in `out`, `refused` begin
    with this error. `files` stand beside every program; `options` of the fixtures go by rule.
    """

    valid: Mapping[str, str]
    computes: Mapping[str, tuple[str, Sequence[float]]]
    refused: Mapping[str, tuple[str, str]]
    files: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def fixture_options(self, rule: str) -> dict[str, object]:
        """Keyword arguments of the fixtures for a rule."""
        return {"files": self.files, **self.options.get(rule, {})}
