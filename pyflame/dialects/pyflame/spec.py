"""What is known of a tensor before it exists: shape, element type, layout."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from pyflame.dtypes import DType, float32
from pyflame.layout import MeshLayout


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape, element type and (if somebody chose one) layout of a tensor.

    `layout` is None where nobody chose: the compiler is then free to.
    """

    shape: tuple[int, ...]
    dtype: DType = float32
    layout: MeshLayout | None = None

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def numel(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def __str__(self) -> str:
        dims = "".join(f"{n}x" for n in self.shape)
        return f"tensor<{dims}{self.dtype.mlir}>"
