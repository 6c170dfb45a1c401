"""The interpreter of tensor modules: xDSL's, with dead values freed and sizes bounded."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, ReturnedValues
from xdsl.interpreters.func import FuncFunctions
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.spec import TensorSpec
from pyflame.dialects.pyflame.types import spec_of
from pyflame.dtypes import carry
from pyflame.errors import DTypeError, Gap, LimitError, PyFlameError, ShapeError, UnsupportedError
from pyflame.runtime.interpreters.tensor.contraction import ContractionFunctions
from pyflame.runtime.interpreters.tensor.creation import CreationFunctions
from pyflame.runtime.interpreters.tensor.elementwise import ElementwiseFunctions
from pyflame.runtime.interpreters.tensor.movement import MovementFunctions
from pyflame.runtime.interpreters.tensor.reduction import ReductionFunctions

FUNCTIONS: tuple[type[InterpreterFunctions], ...] = (
    ElementwiseFunctions,
    ContractionFunctions,
    ReductionFunctions,
    MovementFunctions,
    CreationFunctions,
    FuncFunctions,
)
"""What the interpreter registers: one class per op family, and functions."""

MAX_BYTES = 2**32
"""Default bound on the bytes of all values alive at one time in one function."""


MAX_RANK = 32
"""The most dimensions that every supported NumPy has."""


class TensorInterpreter(Interpreter):
    """Runs functions of the `pyflame` dialect on NumPy arrays.

    Each value is dropped after its last use, and the bytes alive in a function never exceed
    `max_bytes`.
    """

    def __init__(self, module: ModuleOp, max_bytes: int = MAX_BYTES) -> None:
        super().__init__(module)
        self.max_bytes = max_bytes
        self._last_uses: dict[Block, dict[Operation, list[SSAValue]]] = {}
        for functions in FUNCTIONS:
            self.register_implementations(functions())

    def run_ssacfg_region(
        self, region: Region, args: PythonValues, name: str = "unknown"
    ) -> PythonValues:
        """Run a function body of one block; the values that its terminator returns."""
        block = region.block
        if block not in self._last_uses:
            self._last_uses[block] = last_uses(block)
        dying = self._last_uses[block]
        values: dict[SSAValue, np.ndarray] = dict(zip(block.args, args, strict=True))
        live = 0
        for op in block.ops:
            live += self._check_size(op, live)
            result = self._run_op(op, tuple(values[operand] for operand in op.operands))
            if isinstance(result.terminator_value, ReturnedValues):
                return result.terminator_value.values
            values.update(zip(op.results, result.values, strict=True))
            for value in dying.get(op, ()):
                del values[value]
                live -= 0 if value in block.args else _nbytes(value)
        raise PyFlameError(f"function {name!r} has no return")

    def _check_size(self, op: Operation, live: int) -> int:
        """Bytes of the results of `op`, refused if they do not fit beside `live`."""
        for result in op.results:
            check_representable(result.type)
        size = sum(map(_nbytes, op.results))
        if live + size > self.max_bytes:
            shown = ", ".join(str(result.type) for result in op.results)
            raise LimitError(
                f"{op.name} makes {shown} of {size} bytes while {live} bytes are alive; the limit "
                f"of the interpreter is {self.max_bytes} (raise it with max_bytes=)"
            )
        return size


def check_representable(type: Attribute) -> None:
    """Refuse a shape that NumPy cannot hold, empty or not.

    Raises:
        LimitError: too many dimensions, or a size that cannot be addressed.
    """
    shape = spec_of(type).shape
    if len(shape) > MAX_RANK or prod(max(n, 1) for n in shape) >= 2**59:
        raise LimitError(
            f"{type} has {len(shape)} dimensions; the interpreter takes up to {MAX_RANK}, and "
            "sizes whose product stays below 2^59"
        )


def _nbytes(value: SSAValue) -> int:
    spec = spec_of(value.type)
    return prod(spec.shape) * spec.dtype.numpy.itemsize


def last_uses(block: Block) -> dict[Operation, list[SSAValue]]:
    """For each op, the values that nothing in `block` needs after it."""
    last: dict[SSAValue, Operation] = {}
    for op in block.ops:
        last.update(dict.fromkeys((*op.operands, *op.results), op))
    dying: dict[Operation, list[SSAValue]] = {}
    for value, op in last.items():
        dying.setdefault(op, []).append(value)
    return dying


def find_function(module: ModuleOp, name: str | None) -> func.FuncOp:
    """Function `name` of `module`, or its only function if no name is given.

    Raises:
        PyFlameError: there is no such function, or more than one to choose from.
    """
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    if name is None and "main" in functions:
        name = "main"
    if name is None and len(functions) == 1:
        (name,) = functions
    if name is None or name not in functions:
        known = ", ".join(functions) or "none"
        raise PyFlameError(f"function {name!r} is not in the module, which has: {known}")
    return functions[name]


def check_supported(module: ModuleOp) -> None:
    """Refuse a module with ops that the interpreter cannot run, naming all of them.

    Raises:
        UnsupportedError: one gap per op name.
    """
    runnable = {ModuleOp, func.FuncOp, func.ReturnOp, func.CallOp}
    unknown = {
        op.name
        for op in module.walk()
        if not isinstance(op, PyFlameOp) and type(op) not in runnable
    }
    if unknown:
        raise UnsupportedError(
            [
                Gap(name, "", "the tensor interpreter runs pyflame and func ops")
                for name in sorted(unknown)
            ]
        )


def check_argument(name: str, value: object, spec: TensorSpec) -> np.ndarray:
    """`value` as the array that carries `spec`.

    Raises:
        ShapeError: another shape.
        DTypeError: another element type; nothing is cast silently.
    """
    array = np.asarray(value)
    if array.shape != spec.shape:
        raise ShapeError(f"{name} has shape {list(array.shape)}, expected {list(spec.shape)}")
    if array.dtype != spec.dtype.numpy:
        raise DTypeError(f"{name} has dtype {array.dtype}, expected {spec.dtype.name}; cast it")
    return carry(array, spec.dtype)


def run_function(
    interpreter: TensorInterpreter, function: func.FuncOp, arguments: Sequence[np.ndarray]
) -> tuple[np.ndarray, ...]:
    """Run `function` on arrays of its argument types.

    Raises:
        PyFlameError: wrong arguments, a limit, or an integer division by zero.
    """
    types = function.function_type.inputs.data
    if len(arguments) != len(types):
        raise ShapeError(
            f"function {function.sym_name.data!r} takes {len(types)} arguments, "
            f"got {len(arguments)}"
        )
    arrays = tuple(
        check_argument(f"argument {index}", value, spec_of(type))
        for index, (value, type) in enumerate(zip(arguments, types, strict=True))
    )
    name = function.sym_name.data
    try:
        with np.errstate(all="ignore"):
            return interpreter.run_ssacfg_region(function.body, arrays, name)
    except RecursionError:
        raise LimitError(f"calls in function {name!r} nest too deeply to run") from None
    except MemoryError as error:
        raise LimitError(f"function {name!r} needs more memory than there is: {error}") from None
    except PyFlameError as error:
        # xDSL's note is the whole module; the message already names the op.
        error.__notes__ = []
        raise
