"""Run a function of the mesh level on whole tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, StringAttr
from xdsl.interpreter import Interpreter
from xdsl.interpreters.func import FuncFunctions
from xdsl.ir import Operation, SSAValue

from pyflame.dialects.mesh.attributes import ARGUMENT_NAME, element_of, layout_of, shape_of, tile_of
from pyflame.dialects.mesh.base import MeshOp, is_tensor
from pyflame.dialects.mesh.local import ComputeOp, YieldOp
from pyflame.errors import DTypeError, Gap, LimitError, ShapeError, UnsupportedError
from pyflame.runtime.interpreters.mesh.functions import MeshFunctions
from pyflame.runtime.interpreters.mesh.placement import collect, distribute
from pyflame.runtime.interpreters.mesh.scalar import dtype_of, supported
from pyflame.runtime.interpreters.tensor.engine import find_function

MAX_BYTES = 2**32
"""Default bound on the bytes of all values of a function, on all PEs together."""


def run_module(
    module: ModuleOp,
    *arguments: np.ndarray,
    function: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> tuple[np.ndarray, ...]:
    """Run a function of a mesh module and return its results as whole tensors.

    Args:
        module: A module of `func.func`s over `mesh` ops.
        arguments: One whole tensor per argument of the host, see `host_arguments`.
        function: Name of the function; the default is ``main``, or the only one there is.
        max_bytes: Bound on the bytes of all values on all PEs; more raises `LimitError`.

    Raises:
        UnsupportedError: the module has ops of other dialects; all are named.
        PyFlameError: wrong arguments, a limit, or replicas that differ.
    """
    check_supported(module)
    main = find_function(module, function)
    _check_size(main, max_bytes)
    names = host_arguments(main)
    order = list(dict.fromkeys(names))
    if len(arguments) != len(order):
        raise ShapeError(
            f"function {main.sym_name.data!r} takes {len(order)} arguments "
            f"({', '.join(order)}), got {len(arguments)}"
        )
    given = dict(zip(order, arguments, strict=True))
    tiles = [
        distribute(_checked(name, given[name], value), layout_of(value))
        for name, value in zip(names, main.args, strict=True)
    ]
    interpreter = Interpreter(module)
    interpreter.register_implementations(MeshFunctions())
    interpreter.register_implementations(FuncFunctions())
    with np.errstate(all="ignore"):
        results = interpreter.call_op(main, tuple(tiles))
    return tuple(
        collect(value, layout_of(type), shape_of(type))
        for value, type in zip(results, main.function_type.outputs, strict=True)
    )


def host_arguments(function: func.FuncOp) -> list[str]:
    """The host's name of every argument: its `pyflame.name`, or ``arg0`` … by position.

    Arguments of one name are one tensor of the host, placed once for each.
    """
    attributes: Sequence[DictionaryAttr] = (
        function.arg_attrs.data
        if function.arg_attrs is not None
        else [DictionaryAttr({})] * len(function.args)
    )
    names: list[str] = []
    for index, attrs in enumerate(attributes):
        name = attrs.data.get(ARGUMENT_NAME)
        names.append(name.data if isinstance(name, StringAttr) else f"arg{index}")
    return names


def check_supported(module: ModuleOp) -> None:
    """Refuse a module with ops that the interpreter cannot run, naming all of them.

    Raises:
        UnsupportedError: one gap per op name.
    """
    runnable = (ModuleOp, func.FuncOp, func.ReturnOp, func.CallOp, MeshOp, YieldOp)

    def fits(op: Operation) -> bool:
        inside = isinstance(op.parent_op(), ComputeOp) and not isinstance(op, YieldOp)
        return supported(op) if inside else isinstance(op, runnable)

    unknown = sorted({op.name for op in module.walk() if not fits(op)})
    if unknown:
        why = "the mesh interpreter runs mesh and func ops, and arith and math inside mesh.compute"
        raise UnsupportedError([Gap(name, "", why) for name in unknown])


def _checked(name: str, given: object, value: SSAValue) -> np.ndarray:
    """`given` as an array of exactly the type of `value`."""
    array = np.asarray(given)
    if array.shape != shape_of(value):
        raise ShapeError(
            f"argument {name!r} has shape {list(array.shape)}, expected {list(shape_of(value))}"
        )
    dtype = dtype_of(element_of(value))
    if array.dtype != dtype:
        raise DTypeError(f"argument {name!r} has dtype {array.dtype}, expected {dtype}; cast it")
    return array


def _check_size(function: func.FuncOp, max_bytes: int) -> None:
    values = [*function.args, *(result for op in function.walk() for result in op.results)]
    total = sum(_bytes(value) for value in values if is_tensor(value.type))
    if total > max_bytes:
        raise LimitError(
            f"function {function.sym_name.data!r} needs {total} bytes for its values on all PEs; "
            f"the limit of the interpreter is {max_bytes} (raise it with max_bytes=)"
        )


def _bytes(value: SSAValue) -> int:
    rows, cols = layout_of(value).rectangle
    return rows * cols * prod(tile_of(value)) * dtype_of(element_of(value)).itemsize
