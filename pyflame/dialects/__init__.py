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
    from xdsl.context import Context
    from xdsl.ir import Dialect

DIALECTS: dict[str, str] = {
    "pyflame": "pyflame.dialects.pyflame.dialect:PyFlame",
    "mesh": "pyflame.dialects.mesh.dialect:Mesh",
    "dataflow": "pyflame.dialects.dataflow.dialect:Dataflow",
    "csl_ext": "pyflame.dialects.csl:CslExt",
    "csl_source": "pyflame.dialects.csl_source:CslSource",
}
"""Dialect name → ``"module:object"``, from the tensor level down."""


def get_all_dialects() -> dict[str, Callable[[], Dialect]]:
    """Dialect name → a function that imports and returns the dialect."""
    return {name: partial(resolve_name, path) for name, path in DIALECTS.items()}


def new_context() -> Context:
    """A context that knows PyFlame's and xDSL's dialects, each imported at its first use."""
    from xdsl.context import Context
    from xdsl.dialects import get_all_dialects as get_xdsl_dialects

    ctx = Context()
    for name, factory in (get_xdsl_dialects() | get_all_dialects()).items():
        ctx.register_dialect(name, factory)
    return ctx
