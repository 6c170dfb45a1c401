"""Element types: one frozen record per type, shared by every level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyflame.errors import DTypeError


@dataclass(frozen=True)
class DType:
    """An element type.

    `name` is PyFlame's and NumPy's name, `size` the size in bytes, `mlir` the spelling of the
    element type in MLIR text. bfloat16 has no NumPy type of its own: it is carried as float32
    values rounded to bfloat16.
    """

    name: str
    size: int
    mlir: str
    kind: str  # "f" float, "i" signed integer, "b" boolean

    @property
    def is_floating(self) -> bool:
        """True for the floating point types."""
        return self.kind == "f"

    @property
    def numpy(self) -> np.dtype:
        """The NumPy type that carries values of this type."""
        return np.dtype("float32" if self.name == "bfloat16" else self.name.rstrip("_"))

    def __repr__(self) -> str:
        return f"DType.{self.name}"


float64 = DType("float64", 8, "f64", "f")
float32 = DType("float32", 4, "f32", "f")
float16 = DType("float16", 2, "f16", "f")
bfloat16 = DType("bfloat16", 2, "bf16", "f")
int64 = DType("int64", 8, "i64", "i")
int32 = DType("int32", 4, "i32", "i")
int16 = DType("int16", 2, "i16", "i")
int8 = DType("int8", 1, "i8", "i")
uint8 = DType("uint8", 1, "ui8", "u")
bool_ = DType("bool_", 1, "i1", "b")

DTYPES: tuple[DType, ...] = (
    float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, bool_,
)  # fmt: skip
"""Every element type, widest first within a kind."""

_BY_NUMPY = {dtype.numpy: dtype for dtype in DTYPES if dtype is not bfloat16}
_BY_MLIR = {dtype.mlir: dtype for dtype in DTYPES}


def from_numpy_dtype(dtype: np.dtype | type) -> DType:
    """The PyFlame type of a NumPy type.

    Raises:
        DTypeError: PyFlame has no such element type.
    """
    try:
        return _BY_NUMPY[np.dtype(dtype)]
    except (KeyError, TypeError):
        known = ", ".join(d.name for d in DTYPES)
        raise DTypeError(f"dtype {dtype!r} is not one of {known}") from None


def from_mlir(name: str) -> DType:
    """The PyFlame type whose MLIR spelling is `name`, such as ``"f32"``.

    Raises:
        DTypeError: PyFlame has no such element type.
    """
    try:
        return _BY_MLIR[name]
    except KeyError:
        known = ", ".join(_BY_MLIR)
        raise DTypeError(f"element type {name!r} is not one of {known}") from None


def dtype_size(dtype: DType) -> int:
    """Size of one element in bytes."""
    return dtype.size


def dtype_name(dtype: DType) -> str:
    """Name of an element type, such as ``"float32"``."""
    return dtype.name


_PROMOTION_RANK = {
    "bool_": 0, "uint8": 1, "int8": 1, "int16": 2, "int32": 3, "int64": 4,
    "bfloat16": 5, "float16": 5, "float32": 6, "float64": 7,
}  # fmt: skip


def promote(a: DType, b: DType) -> DType:
    """The common type of two tensors' element types, by PyTorch's promotion rules."""
    if a == b:
        return a
    if {a.name, b.name} == {"uint8", "int8"}:
        return int16
    if {a.name, b.name} == {"float16", "bfloat16"}:
        return float32
    return max(a, b, key=lambda d: _PROMOTION_RANK[d.name])


def carry(array: np.ndarray, dtype: DType) -> np.ndarray:
    """`array` rounded to `dtype`, in the NumPy type that carries it (`DType.numpy`).

    Floats round to nearest, ties to even. bfloat16 becomes float32 values that bfloat16 holds.
    """
    if dtype != bfloat16:
        return np.asarray(array).astype(dtype.numpy, copy=False)
    wide = np.asarray(array, np.float32)
    bits = np.ascontiguousarray(wide).view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(wide), wide, rounded.view(np.float32).reshape(wide.shape))
