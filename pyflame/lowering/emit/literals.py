"""Types and literals of CSL, spelled so that every SDK since 1.4 reads them as meant."""

from __future__ import annotations

import math
import struct

import numpy as np
from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    FloatAttr,
    FunctionType,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    Signedness,
)
from xdsl.dialects.csl import (
    ColorType,
    ComptimeStringType,
    DirectionType,
    DsdType,
    ImportedModuleType,
    PtrConst,
    PtrKind,
    PtrType,
    VarType,
)
from xdsl.ir import Attribute

from pyflame.dialects.csl.types import DsrType, FifoType, IdType
from pyflame.errors import UnsupportedError

INTEGER_WIDTHS = (8, 16, 32, 64)

INDEX = "i32"
"""What `index` is in CSL: wide enough for every position in a tensor, as xDSL's printer has it."""


def csl_type(type: Attribute) -> str:
    """How CSL spells `type`.

    Raises:
        UnsupportedError: CSL has no such type, or it must have been replaced before printing.
    """
    match type:
        case IntegerType():
            return _integer_type(type)
        case IndexType():
            return INDEX
        case Float16Type():
            return "f16"
        case Float32Type():
            return "f32"
        case MemRefType():
            return f"[{', '.join(map(str, type.get_shape()))}]{csl_type(type.element_type)}"
        case PtrType():
            star = "*" if type.kind.data == PtrKind.SINGLE else "[*]"
            const = "const " if type.constness.data == PtrConst.CONST else ""
            return f"{star}{const}{csl_type(type.type)}"
        case FunctionType():
            inputs = ", ".join(csl_type(t) for t in type.inputs)
            results = [csl_type(t) for t in type.outputs]
            return f"fn({inputs}){results[0] if results else 'void'}"
        case IdType() | DsdType():
            return type.data.value
        case DsrType():
            return f"dsr_{type.data.value}"
        case FifoType():
            return "fifo"
        case ColorType():
            return "color"
        case DirectionType():
            return "direction"
        case ComptimeStringType():
            return "comptime_string"
        case ImportedModuleType():
            return "imported_module"
        case VarType():
            return csl_type(type.child_type)
        case _:
            raise UnsupportedError(f"type {type} in CSL")


def _integer_type(type: IntegerType) -> str:
    width = type.width.data
    if width == 1:
        return "bool"
    if width not in INTEGER_WIDTHS:
        raise UnsupportedError(f"an integer of {width} bits in CSL")
    sign = "u" if type.signedness.data == Signedness.UNSIGNED else "i"
    return f"{sign}{width}"


def integer(attr: IntegerAttr) -> str:
    """An integer or boolean constant; signless values print in two's complement range."""
    value = attr.value.data
    if isinstance(attr.type, IndexType):
        return str(value)
    if not isinstance(attr.type, IntegerType):
        raise UnsupportedError(f"an integer constant of type {attr.type} in CSL")
    width = attr.type.width.data
    if width == 1:
        return "true" if value else "false"
    if attr.type.signedness.data != Signedness.UNSIGNED and value >= 1 << (width - 1):
        value -= 1 << width
    return str(value)


_FLOATS = {"f16": (np.float16, "<e", "u16", "<H"), "f32": (np.float32, "<f", "u32", "<I")}


def floating(value: float, type: Attribute) -> str:
    """A float constant that reads back as exactly `value` rounded to `type`.

    Infinities and NaN have no literal; they are bit casts of integers.
    """
    if isinstance(type, BFloat16Type):
        raise UnsupportedError("bf16 constants in CSL", hint="compute in f32 or f16")
    name = csl_type(type)
    scalar, pack, bits, unpack = _FLOATS[name]
    with np.errstate(over="ignore"):
        rounded = scalar(value)
    if not math.isfinite(rounded):
        word = struct.unpack(unpack, struct.pack(pack, float(rounded)))[0]
        return f"@bitcast({name}, @as({bits}, 0x{word:x}))"
    short = _decimal(rounded)
    return short if scalar(float(short)) == rounded else _decimal(np.float64(rounded))


def _decimal(value: np.floating) -> str:
    magnitude = abs(float(value))
    if magnitude == 0 or 1e-4 <= magnitude < 1e7:
        return np.format_float_positional(value, unique=True, trim="0")
    text = np.format_float_scientific(value, unique=True, trim="0", exp_digits=1)
    return text.replace("e+", "e")


def constant(attr: Attribute) -> str:
    """An integer, boolean or float constant.

    Raises:
        UnsupportedError: CSL has no literal for it.
    """
    match attr:
        case IntegerAttr():
            return integer(attr)
        case FloatAttr():
            return floating(attr.value.data, attr.type)
        case _:
            raise UnsupportedError(f"constant {attr} in CSL")


def zero(type: Attribute) -> str:
    """The zero of a scalar type."""
    if isinstance(type, IndexType):
        return "0"
    if isinstance(type, IntegerType):
        return "false" if type.width.data == 1 else "0"
    if isinstance(type, Float16Type | Float32Type):
        return "0.0"
    raise UnsupportedError(f"a variable of type {type} without initial value in CSL")
