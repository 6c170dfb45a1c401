"""The dialects of PyFlame, and the one table that names them.

A row is a dialect's name in the IR and where its `xdsl.ir.Dialect` stands, ``"module:object"``. A
row is text, so that a tool imports a dialect only when a module uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.ir import Dialect

DIALECTS: dict[str, str] = {}
"""Dialect name → ``"module:object"``, from the tensor level down."""


def get_all_dialects() -> dict[str, Callable[[], Dialect]]:
    """Dialect name → a function that imports and returns the dialect."""
    return {name: partial(resolve_name, path) for name, path in DIALECTS.items()}
