"""How much an MLIR file may ask for: one table of limits, each with its option and variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pyflame.errors import LimitError


def _limit(default: int, meaning: str, ceiling: int | None = None) -> Any:
    return field(default=default, metadata={"meaning": meaning, "ceiling": ceiling})


@dataclass(frozen=True)
class Limits:
    """Bounds on one MLIR file, all of them counted before the thing itself is built.

    Each field is also a command line option (``max_nesting`` is ``--max-nesting``) and an
    environment variable (``PYFLAME_MAX_NESTING``).
    """

    max_file_bytes: int = _limit(256 << 20, "bytes in one file")
    max_tokens: int = _limit(2_000_000, "words, numbers, strings and signs in one file")
    max_nesting: int = _limit(128, "brackets open at once", 2_000)
    max_constant_bytes: int = _limit(512 << 20, "bytes of all dense constants in one file")
    max_parse_seconds: int = _limit(300, "seconds to parse and verify one file")

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ, **given: int) -> Limits:
        """The defaults, changed by the variables that are set, changed by `given`.

        Raises:
            LimitError: a value is not a whole number, below 1 or above the limit's own ceiling.
        """
        chosen: dict[str, int] = {}
        for row in fields(Limits):
            variable = variable_name(row.name)
            if row.name in given:
                chosen[row.name] = _checked(given[row.name], option_name(row.name), row.metadata)
            elif variable in environment:
                chosen[row.name] = _checked(environment[variable], variable, row.metadata)
        return Limits(**chosen)

    def how_to_raise(self, name: str) -> str:
        """The last words of a message about limit `name`."""
        return f"the limit is {getattr(self, name)}; {option_name(name)} N raises it"


def option_name(name: str) -> str:
    """The command line option of a limit: ``--max-nesting``."""
    return "--" + name.replace("_", "-")


def variable_name(name: str) -> str:
    """The environment variable of a limit: ``PYFLAME_MAX_NESTING``."""
    return "PYFLAME_" + name.upper()


def _checked(value: str | int, name: str, metadata: Mapping[str, Any]) -> int:
    ceiling = metadata["ceiling"]
    span = "of at least 1" if ceiling is None else f"from 1 to {ceiling}"
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1 or (ceiling is not None and number > ceiling):
        raise LimitError(f"{name} is {value!r}; expected a whole number {span}")
    return number
