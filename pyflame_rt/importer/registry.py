"""The converter table: ONNX operator and opset version to the function that converts it.

Adding an operator is one decorated function in a family file: docs/recipes/onnx-converter.md.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from xdsl.ir import SSAValue

    from pyflame_rt.importer.node import Node

Converter: TypeAlias = "Callable[[Node], SSAValue | Sequence[SSAValue]]"

OLDEST_OPSET = 7
"""Older models use another broadcasting rule; ONNX's version converter updates them."""

_TABLE: dict[str, dict[int, Converter]] = {}


def onnx_op(*names: str, since: int = OLDEST_OPSET) -> Callable[[Converter], Converter]:
    """Enter a converter for `names` of the ai.onnx domain, from opset `since` on, until a row
    with a later `since` takes over."""

    def enter(function: Converter) -> Converter:
        for name in names:
            rows = _TABLE.setdefault(name, {})
            if since in rows:
                raise ValueError(f"ONNX operator {name} has two converters since opset {since}")
            rows[since] = function
        return function

    return enter


def find_converter(domain: str, name: str, opset: int) -> Converter | None:
    """The converter of an operator at an opset version, None where there is none."""
    rows = _TABLE.get(name, {}) if domain in ("", "ai.onnx") else {}
    versions = sorted(rows)
    at = bisect_right(versions, opset)
    return rows[versions[at - 1]] if at else None


def supported_operators() -> dict[str, int]:
    """Every operator that can be imported, with the oldest opset it is converted from."""
    return {name: min(rows) for name, rows in sorted(_TABLE.items())}
