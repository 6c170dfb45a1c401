"""The pass `convert-pyflame-to-mesh`: one table of rows, a dull engine, and all gaps at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    FileLineColLoc,
    Float16Type,
    Float32Type,
    ModuleOp,
    TensorType,
)
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from pyflame.dialects.mesh.attributes import LayoutAttr, element_of
from pyflame.dialects.mesh.base import MeshOp
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.creation import ConstantOp
from pyflame.dialects.pyflame.decompositions import DECOMPOSITIONS
from pyflame.errors import Gap, LayoutError, UnsupportedError
from pyflame.lowering.pyflame_to_mesh import contraction, elementwise, movement, reduction
from pyflame.lowering.pyflame_to_mesh.emit import Emit, Options, Row
from pyflame.lowering.pyflame_to_mesh.scalar import BOOL

ROWS: dict[type[PyFlameOp], Row] = {
    **elementwise.ROWS,
    **contraction.ROWS,
    **reduction.ROWS,
    **movement.ROWS,
}
"""Op class to what it means on the mesh."""


@dataclass(frozen=True)
class ConvertPyFlameToMeshPass(ModulePass):
    """Turn tensor ops with layouts into local compute and movement.

    `panel` bounds the elements of the summed dimension that a matmul works on at a time (0: a
    whole tile). `algorithm` names how matmuls move their operands: `summa`.
    """

    name = "convert-pyflame-to-mesh"

    panel: int = 0
    algorithm: str = "summa"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Convert in place.

        Raises:
            LayoutError: a tensor has no layout.
            UnsupportedError: what the mesh does not have, all of it.
        """
        if self.algorithm not in contraction.ALGORITHMS or self.panel < 0:
            known = ", ".join(contraction.ALGORITHMS)
            raise UnsupportedError(
                f"matmul algorithm {self.algorithm!r} with panel {self.panel} "
                f"(known: {known}; panel at least 0)"
            )
        _check_layouts(op)
        gaps = list(_gaps(op))
        if gaps:
            raise UnsupportedError(gaps, "The CPU reference runs the program as it is.")
        options = Options(self.panel, self.algorithm)
        for found in [found for found in op.walk() if isinstance(found, PyFlameOp)]:
            value = ROWS[type(found)](Emit(found, options), found)
            value.name_hint = found.result.name_hint
            Rewriter.replace_op(found, [], [value])


# What is refused


def _check_layouts(module: ModuleOp) -> None:
    for op in module.walk():
        arguments = op.args if isinstance(op, func.FuncOp) else ()
        for value in (*op.results, *arguments):
            if isinstance(value.type, TensorType) and not isinstance(
                value.type.encoding, LayoutAttr
            ):
                raise LayoutError(
                    f"{value.type} at {_place(op)} has no layout; run pyflame-assign-layouts first"
                )


def _place(op: Operation) -> str:
    """Where `op` stands: its place in a file, or else its function."""
    location = op.location
    if isinstance(location, FileLineColLoc):
        return f"{location.filename.data}:{location.line.data}:{location.column.data}"
    function = op if isinstance(op, func.FuncOp) else op.parent_op()
    return f"function {function.sym_name.data!r}" if isinstance(function, func.FuncOp) else "module"


def _gaps(module: ModuleOp) -> Iterator[Gap]:
    for op in module.walk():
        if isinstance(op, func.FuncOp):
            yield from _argument_gaps(op)
        elif isinstance(op, PyFlameOp):
            yield from (Gap(op.name, _place(op), why) for why in _reasons(op))
        elif not isinstance(op, ModuleOp | func.ReturnOp | MeshOp):
            yield Gap(op.name, _place(op), "only pyflame and mesh ops become mesh ops")


def _argument_gaps(function: func.FuncOp) -> Iterator[Gap]:
    for argument in function.args:
        if not isinstance(element_of(argument), Float16Type | Float32Type):
            yield Gap(
                f"argument {argument.index} of type {argument.type}",
                _place(function),
                "tensors on the mesh are f32 or f16",
            )


def _reasons(op: PyFlameOp) -> Iterator[str]:
    """Why `op` cannot become mesh ops."""
    if type(op) not in ROWS:
        expands = type(op) in DECOMPOSITIONS
        yield "run pyflame-decompose first" if expands else "has no meaning on the mesh yet"
        return
    element = element_of(op.result)
    if element == BOOL:
        yield from _mask_reasons(op)
    elif not isinstance(element, Float16Type | Float32Type):
        yield f"gives {element}; tensors on the mesh are f32 or f16"
    if type(op) is ConstantOp and not op.value.is_splat():
        yield "its elements differ; pass it as an argument"
    if op.mnemonic() == "compare" and element_of(op.operands[0]) == BOOL:
        yield "compares masks; use logical_xor"


def _mask_reasons(op: PyFlameOp) -> Iterator[str]:
    """A mask is never stored: elementwise ops make it and only elementwise ops read it."""
    if type(op) not in elementwise.ROWS:
        yield "gives i1, a mask that would have to be stored"
    for user in dict.fromkeys(use.operation for use in op.result.uses):
        if type(user) not in elementwise.ROWS:
            yield f"gives i1, a mask that {user.name} reads; only elementwise ops may"
