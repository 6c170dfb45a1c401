"""CSL's DSD builtins as a table: what each reads, what it writes, which operands may be scalars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xdsl.dialects.builtin import Float16Type, Float32Type, IntegerType
from xdsl.ir import Attribute


@dataclass(frozen=True)
class DsdBuiltin:
    """One DSD operation: destination first, then its sources.

    `dest` and `sources` are element types as CSL spells them; ``x16``/``x32`` is any type of that
    width. `scalars` says which sources (by position) may be a scalar instead of a DSD; `only`
    which must be one.
    """

    dest: str
    sources: tuple[str, ...]
    scalars: tuple[int, ...] = ()
    only: tuple[int, ...] = ()

    def accepts_scalar(self, index: int) -> bool:
        """True if source `index` may be a scalar."""
        return index in self.scalars or index in self.only


def _move(element: str) -> DsdBuiltin:
    return DsdBuiltin(element, (element,), scalars=(0,))


def _binary(element: str) -> DsdBuiltin:
    return DsdBuiltin(element, (element, element), scalars=(0, 1))


def _fma(accumulator: str, factor: str) -> DsdBuiltin:
    return DsdBuiltin(accumulator, (accumulator, factor, factor), only=(2,))


DSD_BUILTINS: Mapping[str, DsdBuiltin] = MappingProxyType(
    {
        "mov16": _move("x16"),
        "mov32": _move("x32"),
        "fmovh": _move("f16"),
        "fmovs": _move("f32"),
        **{name: _binary("f32") for name in ("fadds", "fsubs", "fmuls", "fmaxs")},
        **{name: _binary("f16") for name in ("faddh", "fsubh", "fmulh", "fmaxh")},
        "fmacs": _fma("f32", "f32"),
        "fmach": _fma("f16", "f16"),
        "fmachs": _fma("f32", "f16"),
        "faddhs": DsdBuiltin("f32", ("f32", "f16"), scalars=(0, 1)),
        **{name: _move("f32") for name in ("fnegs", "fabss")},
        **{name: _move("f16") for name in ("fnegh", "fabsh")},
        "fh2s": DsdBuiltin("f32", ("f16",), scalars=(0,)),
        "fs2h": DsdBuiltin("f16", ("f32",), scalars=(0,)),
        "fh2xp16": DsdBuiltin("x16", ("f16",), scalars=(0,)),
        "fs2xp16": DsdBuiltin("x16", ("f32",), scalars=(0,)),
        "xp162fh": DsdBuiltin("f16", ("x16",), scalars=(0,)),
        "xp162fs": DsdBuiltin("f32", ("x16",), scalars=(0,)),
        **{
            name: _binary("x16")
            for name in ("add16", "addc16", "and16", "or16", "xor16", "sll16", "slr16", "sar16")
        },
        "sub16": DsdBuiltin("x16", ("x16", "x16"), scalars=(1,)),
        **{name: _move("x16") for name in ("clz", "ctz", "popcnt")},
    }
)
"""Builtin name without ``@`` → its operands."""


def matches(element: str, type: Attribute) -> bool:
    """True if a scalar of `type` fits an operand of `element`."""
    match type:
        case Float16Type():
            return element in ("f16", "x16")
        case Float32Type():
            return element in ("f32", "x32")
        case IntegerType():
            return element == f"x{type.width.data}"
        case _:
            return False
