"""PyFlame: tensor programs, compiled through xDSL dialects to CSL, and run at every level.

>>> import pyflame as pf
>>> a = pf.ones([2, 3])
>>> (a @ a.T).tolist()
[[3.0, 3.0], [3.0, 3.0]]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pyflame.compiler.graph import Graph, Node
from pyflame.dialects.pyflame.spec import TensorSpec
from pyflame.dtypes import (
    DType,
    bfloat16,
    bool_,
    dtype_name,
    dtype_size,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from pyflame.errors import PyFlameError, UnsupportedError
from pyflame.layout import MeshLayout, PECoord
from pyflame.tensor.creation import (
    arange,
    eye,
    from_numpy,
    full,
    full_like,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from pyflame.tensor.functions import (
    abs,
    add,
    argmax,
    argmin,
    broadcast_to,
    cat,
    ceil,
    clamp,
    cos,
    erf,
    eval,
    exp,
    expm1,
    flatten,
    floor,
    gelu,
    is_lazy,
    log,
    log1p,
    log_softmax,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    neg,
    pad,
    permute,
    pow,
    prod,
    reciprocal,
    relu,
    reshape,
    round,
    rsqrt,
    sigmoid,
    sign,
    silu,
    sin,
    softmax,
    sqrt,
    squeeze,
    stack,
    sum,
    tan,
    tanh,
    transpose,
    unsqueeze,
    view,
    where,
)
from pyflame.tensor.inspection import get_graph, get_node, print_graph
from pyflame.tensor.random import (
    Generator,
    manual_seed,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
)
from pyflame.tensor.tensor import Tensor
from pyflame.version import __version__

if TYPE_CHECKING:
    from pyflame.compiler.csl import (
        CodeGenOptions,
        CodeGenResult,
        CSLCodeGenerator,
        compile_to_csl,
    )
    from pyflame.compiler.levels import verify


_LAZY = {
    "CSLCodeGenerator": "pyflame.compiler.csl",
    "CodeGenOptions": "pyflame.compiler.csl",
    "CodeGenResult": "pyflame.compiler.csl",
    "compile_to_csl": "pyflame.compiler.csl",
    "verify": "pyflame.compiler.levels",
}
"""Names imported when first used: what they need is heavy."""


def __getattr__(name: str) -> Any:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'pyflame' has no attribute {name!r}")
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "CSLCodeGenerator",
    "CodeGenOptions",
    "CodeGenResult",
    "DType",
    "Generator",
    "Graph",
    "MeshLayout",
    "Node",
    "PECoord",
    "PyFlameError",
    "Tensor",
    "TensorSpec",
    "UnsupportedError",
    "__version__",
    "abs",
    "add",
    "arange",
    "argmax",
    "argmin",
    "bfloat16",
    "bool_",
    "broadcast_to",
    "cat",
    "ceil",
    "clamp",
    "compile_to_csl",
    "cos",
    "dtype_name",
    "dtype_size",
    "erf",
    "eval",
    "exp",
    "expm1",
    "eye",
    "flatten",
    "float16",
    "float32",
    "float64",
    "floor",
    "from_numpy",
    "full",
    "full_like",
    "gelu",
    "get_graph",
    "get_node",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_lazy",
    "log",
    "log1p",
    "log_softmax",
    "manual_seed",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "neg",
    "ones",
    "ones_like",
    "pad",
    "permute",
    "pow",
    "print_graph",
    "prod",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "reciprocal",
    "relu",
    "reshape",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "softmax",
    "sqrt",
    "squeeze",
    "stack",
    "sum",
    "tan",
    "tanh",
    "tensor",
    "transpose",
    "uint8",
    "unsqueeze",
    "verify",
    "view",
    "where",
    "zeros",
    "zeros_like",
]
