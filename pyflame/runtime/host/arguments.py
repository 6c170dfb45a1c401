"""Arguments of launched functions: type checks and bit patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyflame.errors import DTypeError, UnsupportedError
from pyflame.runtime.fabric.floats import half_bits
from pyflame.runtime.fabric.isa import Type

_NUMPY: dict[Type, np.dtype[Any]] = {
    Type.BOOL: np.dtype(np.bool_),
    Type.I8: np.dtype(np.int8),
    Type.U8: np.dtype(np.uint8),
    Type.I16: np.dtype(np.int16),
    Type.U16: np.dtype(np.uint16),
    Type.I32: np.dtype(np.int32),
    Type.U32: np.dtype(np.uint32),
    Type.I64: np.dtype(np.int64),
    Type.U64: np.dtype(np.uint64),
    Type.F16: np.dtype(np.float16),
    Type.F32: np.dtype(np.float32),
}
_FORMATS = {Type.BF16: "bf16", Type.CB16: "cb16"}
"""16-bit floats that only Python numbers can stand for."""


def signature(name: str, parameters: Sequence[Type]) -> str:
    """How a launched function is written in messages: ``f(i16, f32)``."""
    return f"{name}({', '.join(t.name.lower() for t in parameters)})"


def pack_arguments(name: str, parameters: Sequence[Type], values: Sequence[Any]) -> list[int]:
    """Bit patterns of `values` for the function `name`, checked against its `parameters`.

    A NumPy scalar has to have the parameter's type; a Python number has to be representable.

    Raises:
        DTypeError: the count or a type does not fit.
    """
    call = f"launch of {signature(name, parameters)}"
    if len(values) != len(parameters):
        raise DTypeError(f"{call}: {len(values)} arguments were given; expected {len(parameters)}")
    return [
        _pack(f"{call}: argument {i + 1}", kind, value)
        for i, (kind, value) in enumerate(zip(parameters, values, strict=True))
    ]


def pack_words(name: str, parameters: Sequence[Type], words: Sequence[Any]) -> list[int]:
    """Bit patterns for `SdkRuntime.call`: one 32-bit word per parameter, narrow ones low.

    Raises:
        DTypeError: `words` is no list, the count does not fit, or a word is no 32-bit integer.
    """
    call = f"call of {signature(name, parameters)}"
    if not isinstance(words, (list, tuple, np.ndarray)):
        raise DTypeError(f"{call}: the words are {words!r}; expected a list of integers")
    if len(words) != len(parameters):
        raise DTypeError(f"{call}: {len(words)} words were given; expected {len(parameters)}")
    bits: list[int] = []
    for i, (kind, word) in enumerate(zip(parameters, words, strict=True)):
        if isinstance(word, bool) or not isinstance(word, (int, np.integer)):
            raise DTypeError(f"{call}: word {i + 1} is {word!r}; expected an integer of 32 bits")
        if not -(1 << 31) <= int(word) < 1 << 32:
            raise DTypeError(f"{call}: word {i + 1} is {word}; expected a value of 32 bits")
        bits.append(int(word) & ((1 << 8 * kind.bytes) - 1))
    return bits


def _pack(place: str, kind: Type, value: Any) -> int:
    dtype = _NUMPY.get(kind)
    if kind in _FORMATS and isinstance(value, (int, float)) and not isinstance(value, bool):
        return half_bits(float(value), _FORMATS[kind])
    if dtype is None:
        raise UnsupportedError(
            f"{place} has type {kind.name.lower()}, which NumPy does not have; pass a Python number"
        )
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.generic):
        if value.dtype != dtype:
            raise DTypeError(
                f"{place} is {value.dtype}({value}); expected {kind.name.lower()}: "
                f"pass np.{dtype.name}(…)"
            )
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        if not (isinstance(value, bool) and kind is Type.BOOL):
            raise DTypeError(f"{place} is {value!r}; expected a number of type {kind.name.lower()}")
    elif dtype.kind in "iu":
        _check_integer(place, kind, dtype, value)
    scalar = np.array(value).astype(dtype)
    return int(scalar.view(f"u{dtype.itemsize}"))


def _check_integer(place: str, kind: Type, dtype: np.dtype[Any], value: int | float) -> None:
    if isinstance(value, float):
        raise DTypeError(
            f"{place} is the float {value!r}; expected an integer ({kind.name.lower()})"
        )
    limits = np.iinfo(dtype)
    if not limits.min <= value <= limits.max:
        raise DTypeError(
            f"{place} is {value}; expected {kind.name.lower()}, {limits.min} to {limits.max}"
        )
