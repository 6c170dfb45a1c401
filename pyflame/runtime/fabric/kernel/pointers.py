"""The machine's arrays as one pointer, for compiled code.

Compiled functions would receive a tuple of arrays by value: a hundred words at each call. Here the
state is a pointer to a table of the arrays' addresses instead. `m.pe[i]` reads the same in plain
Python, where `m` is `Arrays`; compiled, it is a load of the address and a load or store, without
bounds check, negative indices or reference counts.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_global, signature
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_builtin,
    lower_getattr_generic,
    models,
    register_model,
)

from pyflame.runtime.fabric.kernel.words import Arrays

ELEMENTS: dict[str, types.Type] = {
    "g": types.int64,
    "pe": types.int64,
    "qu": types.int64,
    "rg": types.int64,
    "ds": types.int32,
    "ch": types.int32,
    "cf": types.int64,
    "im": types.int64,
    "ev": types.int64,
    "hs": types.int64,
    "hd": types.uint32,
    "m8": types.uint8,
    "m16": types.uint16,
    "m32": types.uint32,
    "mf": types.float32,
    "tr": types.int64,
}
"""Element type of each array of `Arrays`."""


_lower: Any = lower_builtin
_infer: Any = infer_global
_model: Any = register_model


class StateType(types.Opaque):
    """A pointer to the table of array addresses."""


class PointerType(types.Type):
    """A pointer to elements of one of the arrays."""

    def __init__(self, dtype: types.Type) -> None:
        self.dtype = dtype
        super().__init__(name=f"Pointer({dtype})")


STATE = StateType("MachineState")


@_model(StateType)
class _StateModel(models.OpaqueModel):
    """A bare pointer."""


@_model(PointerType)
class _PointerModel(models.PrimitiveModel):
    """A pointer to the element's representation in memory."""

    def __init__(self, manager: Any, fe_type: PointerType) -> None:
        element = manager.lookup(fe_type.dtype).get_data_type()
        super().__init__(manager, fe_type, ir.PointerType(element))


@infer_getattr
class _StateAttribute(AttributeTemplate):
    key = StateType

    def generic_resolve(self, value: StateType, attr: str) -> types.Type | None:
        return PointerType(ELEMENTS[attr]) if attr in ELEMENTS else None


@lower_getattr_generic(StateType)
def _array_pointer(context: Any, builder: Any, typ: Any, value: Any, attr: str) -> Any:
    target = context.get_data_type(PointerType(ELEMENTS[attr]))
    table = builder.bitcast(value, ir.PointerType(target))
    index = ir.Constant(ir.IntType(64), Arrays._fields.index(attr))
    pointer = builder.load(builder.gep(table, [index]))
    pointer.set_metadata("invariant.load", builder.module.add_metadata([]))
    return pointer


@_infer(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) == 2 and isinstance(args[0], PointerType):
            return signature(args[0].dtype, args[0], types.int64)
        return None


@_infer(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) == 3 and isinstance(args[0], PointerType):
            return signature(types.none, args[0], types.int64, args[0].dtype)
        return None


@_lower(operator.getitem, PointerType, types.int64)
def _load(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place = builder.gep(args[0], [args[1]])
    return context.unpack_value(builder, sig.args[0].dtype, place)


@_lower(operator.setitem, PointerType, types.int64, types.Any)
def _store(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place = builder.gep(args[0], [args[1]])
    context.pack_value(builder, sig.args[0].dtype, args[2], place)
    return context.get_dummy_value()


def _as_state(typingctx: Any, table: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array: Any = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0])
        return builder.bitcast(array.data, context.get_value_type(STATE))

    return STATE(table), codegen


INTERPRETED = bool(getattr(config, "DISABLE_JIT", False))
"""Whether the kernel runs as plain Python (NUMBA_DISABLE_JIT=1)."""

state_of: Any = (lambda arrays: arrays) if INTERPRETED else intrinsic(_as_state)
"""The kernel's view of the state: `Arrays` in plain Python, else the table of addresses."""


def _as_lowest_bit(typingctx: Any, bits: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


lowest_bit: Any = (
    (lambda bits: (int(bits) & -int(bits)).bit_length() - 1)
    if INTERPRETED
    else intrinsic(_as_lowest_bit)
)
"""The number of the lowest bit that is set in an int64 other than 0."""


def handle(arrays: Arrays) -> Any:
    """What the compiled entry point takes for `arrays`, which the caller must keep alive."""
    if INTERPRETED:
        return arrays
    return np.array([a.ctypes.data for a in arrays], np.int64)
