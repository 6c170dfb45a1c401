"""Buffers as arrays: one array for each, or one for all that share memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import SSAValue

from pyflame.dialects.csl.declarations import ArrayOp
from pyflame.dialects.dataflow.program import BufferOp
from pyflame.dialects.dataflow.types import element_size, row_major
from pyflame.lowering.emit.names import Names

ALIGNMENT = 16
"""Bytes; lets vector operations run at full rate."""


@dataclass(frozen=True)
class Placed:
    """A buffer's place: flat `array` of a name, number of its first element there, strides in
    elements."""

    name: str
    array: SSAValue
    base: int
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Span:
    """A buffer's bytes in user memory; without an address it shares with none."""

    buffer: BufferOp
    start: int
    stop: int


def place_buffers(
    buffers: Sequence[BufferOp], names: Names
) -> tuple[list[ArrayOp], dict[SSAValue, Placed]]:
    """The arrays of a program and where in them each buffer lies.

    Temporaries of one element type whose addresses overlap share an array; what the host sees
    keeps an array of its own name.
    """
    arrays: list[ArrayOp] = []
    placed: dict[SSAValue, Placed] = {}
    for group in _groups(buffers):
        first = min(span.start for span in group)
        element = group[0].buffer.type.element_type
        size = element_size(element)
        count = max(span.stop - first for span in group) // size
        hint = group[0].buffer.sym_name.data if len(group) == 1 else f"shared_{element}"
        array = ArrayOp(names.fresh(hint), MemRefType(element, [count]), ALIGNMENT)
        array.result.name_hint = array.sym_name.data
        arrays.append(array)
        for span in group:
            shape = span.buffer.type.get_shape()
            base = (span.start - first) // size
            place = Placed(array.sym_name.data, array.result, base, row_major(shape))
            placed[span.buffer.result] = place
    return arrays, placed


def _groups(buffers: Sequence[BufferOp]) -> Iterator[list[_Span]]:
    """Buffers that overlap, directly or through others of their type, in order of declaration."""
    groups: list[list[_Span]] = []
    for buffer in buffers:
        size = prod(buffer.type.get_shape()) * element_size(buffer.type.element_type)
        start = 0 if buffer.address is None else buffer.address.value.data
        span = _Span(buffer, start, start + size)
        joined = [group for group in groups if any(_share(span, other) for other in group)]
        merged = [other for group in joined for other in group] + [span]
        at = groups.index(joined[0]) if joined else len(groups)
        groups = [group for group in groups if group not in joined]
        groups.insert(at, merged)
    yield from groups


def _share(a: _Span, b: _Span) -> bool:
    same = a.buffer.type.element_type == b.buffer.type.element_type
    known = a.buffer.address is not None and b.buffer.address is not None
    return same and known and a.start < b.stop and b.start < a.stop
