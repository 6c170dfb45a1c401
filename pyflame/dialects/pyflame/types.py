"""Between PyFlame's records and builtin types and attributes, both ways."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

from xdsl.dialects.builtin import (
    BFloat16Type,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    NoneAttr,
    Signedness,
    StringAttr,
    TensorType,
    UnitAttr,
    f64,
    i64,
)
from xdsl.dialects.utils.enum_attribute import EnumAttribute
from xdsl.ir import Attribute
from xdsl.utils.exceptions import VerifyException

from pyflame import dtypes
from pyflame.dialects.pyflame.spec import TensorSpec
from pyflame.dtypes import DType

_ELEMENT_TYPES: dict[DType, Attribute] = {
    dtypes.float64: Float64Type(),
    dtypes.float32: Float32Type(),
    dtypes.float16: Float16Type(),
    dtypes.bfloat16: BFloat16Type(),
    dtypes.int64: IntegerType(64),
    dtypes.int32: IntegerType(32),
    dtypes.int16: IntegerType(16),
    dtypes.int8: IntegerType(8),
    dtypes.uint8: IntegerType(8, Signedness.UNSIGNED),
    dtypes.bool_: IntegerType(1),
}
_DTYPES = {element: dtype for dtype, element in _ELEMENT_TYPES.items()}


def element_type(dtype: DType) -> Attribute:
    """The builtin element type of `dtype`: ``f32``, ``i64``, ``i1`` …"""
    return _ELEMENT_TYPES[dtype]


def tensor_type(spec: TensorSpec, encoding: Attribute | None = None) -> TensorType[Attribute]:
    """The builtin tensor type of `spec`; `encoding` is the layout attribute, if any."""
    return TensorType(_ELEMENT_TYPES[spec.dtype], spec.shape, encoding or NoneAttr())


@lru_cache(maxsize=4096)
def spec_of(type: Attribute) -> TensorSpec:
    """Shape and element type of a builtin tensor type; the encoding is left out.

    Raises:
        VerifyException: not a tensor of static shape and known element type.
    """
    if not isinstance(type, TensorType):
        raise VerifyException(f"type {type} is not a tensor")
    dtype = _DTYPES.get(type.element_type)
    if dtype is None:
        known = ", ".join(d.mlir for d in dtypes.DTYPES)
        raise VerifyException(f"element type of {type} is not one of {known}")
    shape = type.get_shape()
    if any(n < 0 for n in shape):
        raise VerifyException(f"type {type} has a dynamic dimension, expected static sizes")
    return TensorSpec(shape, dtype)


def to_attribute(value: Any) -> Attribute | None:
    """A plain Python value as the attribute that holds it; None where the attribute is absent.

    True is the unit attribute and False its absence.
    """
    match value:
        case None | False:
            return None
        case True:
            return UnitAttr()
        case Attribute():
            return value
        case int():
            return IntegerAttr(value, i64)
        case float():
            return FloatAttr(value, f64)
        case str():
            return StringAttr(value)
        case tuple() | list():
            return DenseArrayBase.from_list(i64, list(value))
    raise TypeError(f"no attribute holds a {value.__class__.__name__}: {value!r}")


def from_attribute(attribute: Attribute) -> Any:
    """The plain Python value of an attribute made by `to_attribute`; dense data stays as it is."""
    match attribute:
        case UnitAttr():
            return True
        case IntegerAttr() | FloatAttr():
            return attribute.value.data
        case StringAttr():
            return attribute.data
        case EnumAttribute():
            return attribute.data.value
        case DenseArrayBase():
            return tuple(cast("DenseArrayBase[IntegerType]", attribute).get_values())
        case DenseIntOrFPElementsAttr():
            return attribute
    raise TypeError(f"attribute {attribute} holds no plain value")
