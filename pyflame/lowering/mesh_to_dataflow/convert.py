"""The table of rules, and the pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from xdsl.context import Context
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import (
    DictionaryAttr,
    IndexType,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.transforms.common_subexpression_elimination import cse

from pyflame.arch import Arch, target
from pyflame.dialects.dataflow.attributes import Purpose
from pyflame.dialects.dataflow.program import FinishOp, ProgramOp
from pyflame.dialects.dataflow.types import is_element, row_major
from pyflame.dialects.mesh import local, movement, panels
from pyflame.dialects.mesh.attributes import LayoutAttr, layout_of, tile_of
from pyflame.errors import Gap, UnsupportedError
from pyflame.lowering.mesh_to_dataflow.emitter import Emitter
from pyflame.lowering.mesh_to_dataflow.local import (
    lower_compute,
    lower_local_reduce,
    lower_matmul,
    lower_reshape,
)
from pyflame.lowering.mesh_to_dataflow.movement import (
    lower_all_gather,
    lower_all_reduce,
    lower_all_slice,
    lower_broadcast,
    lower_scatter,
)
from pyflame.lowering.mesh_to_dataflow.panels import lower_for_panels
from pyflame.lowering.mesh_to_dataflow.state import State
from pyflame.lowering.mesh_to_dataflow.storage import plan_orders, plan_outputs
from pyflame.lowering.mesh_to_dataflow.tiles import Storage, Tile


def lower_index(state: State, op: arith.ConstantOp) -> None:
    """A constant index of the mesh program."""
    assert isinstance(op.value, IntegerAttr)
    state.bind_index(op.result, op.value.value.data)


RULES: dict[type[Operation], Callable[[State, Any], None]] = {
    local.ComputeOp: lower_compute,
    local.LocalReduceOp: lower_local_reduce,
    local.MatmulOp: lower_matmul,
    local.ReshapeOp: lower_reshape,
    movement.BroadcastOp: lower_broadcast,
    movement.AllReduceOp: lower_all_reduce,
    movement.ReduceOp: lower_all_reduce,
    movement.AllGatherOp: lower_all_gather,
    movement.GatherOp: lower_all_gather,
    movement.AllSliceOp: lower_all_slice,
    movement.ScatterOp: lower_scatter,
    panels.ForPanelsOp: lower_for_panels,
    arith.ConstantOp: lower_index,
}
"""Mesh op class → what emits its meaning on one PE."""

WHY_NOT: dict[type[Operation], str] = {
    movement.RedistributeOp: "run mesh-expand-redistribute first",
    movement.ShiftOp: "no route for shifts yet",
    movement.HaloExchangeOp: "no route for halos yet",
}
"""Mesh op class → why it has no rule."""

STRUCTURE = (local.YieldOp, func.ReturnOp)
"""Ops that the rules of their parents take care of."""


def lower_op(state: State, op: Operation) -> None:
    """Emit what `op` means, by its rule."""
    RULES[type(op)](state, op)


def find_gaps(function: func.FuncOp) -> list[Gap]:
    """Everything in `function` that has no lowering."""
    where = f"function {function.sym_name.data!r}"
    gaps = [
        gap
        for number, argument in enumerate(function.body.block.args)
        for gap in _value_gaps(argument, f"argument {number}", where)
    ]
    return [*gaps, *(gap for op in _mesh_level(function) for gap in _gaps_of(op, where))]


def _mesh_level(function: func.FuncOp) -> Iterator[Operation]:
    for op in function.body.block.ops:
        yield op
        if isinstance(op, panels.ForPanelsOp):
            yield from op.body.block.ops


def _gaps_of(op: Operation, where: str) -> Iterator[Gap]:
    if type(op) not in RULES and not isinstance(op, STRUCTURE):
        yield Gap(op.name, where, WHY_NOT.get(type(op), "no rule on this level"))
    for result in op.results:
        if isinstance(op, arith.ConstantOp) and not isinstance(result.type, IndexType):
            yield Gap(f"constant of type {result.type}", where, "use mesh.compute")
        else:
            yield from _value_gaps(result, f"result of {op.name}", where)


def _value_gaps(value: SSAValue, what: str, where: str) -> Iterator[Gap]:
    type = value.type
    if not isinstance(type, TensorType):
        return
    if not is_element(type.element_type):
        why = "PEs hold f16, f32, i16 and i32"
        yield Gap(f"{what} with elements {type.element_type}", where, why)
    if 0 in type.get_shape():
        yield Gap(f"{what} of no elements, {type}", where, "nothing to compute")


def convert(function: func.FuncOp, arch: Arch) -> ProgramOp:
    """The PE program of a mesh function.

    Raises:
        UnsupportedError: ops or types that have no lowering; all are listed.
    """
    gaps = find_gaps(function)
    if gaps:
        raise UnsupportedError(gaps, "docs/status.md lists what is planned.")
    rows, cols = _rectangle(function)
    emitter = Emitter(function.sym_name.data, arch, rows, cols)
    block = function.body.block
    inputs = [_input(emitter, function, arg.type, i) for i, arg in enumerate(block.args)]
    returned = block.last_op
    assert isinstance(returned, func.ReturnOp)
    outputs = [
        _output(emitter, function, value.type, i) for i, value in enumerate(returned.arguments)
    ]
    state = State(emitter, lower_op, outputs, plan_outputs(function), plan_orders(function))
    for arg, storage in zip(block.args, inputs, strict=True):
        state.bind(arg, _whole(storage, arg))
    for op in block.ops:
        if op is not returned:
            with emitter.phase(_label(op)):
                state.lower(op)
    with emitter.phase("results"):
        for storage, value in zip(outputs, returned.arguments, strict=True):
            state.copy(_whole(storage, value), state.tile(value))
    emitter.builder.insert(FinishOp())
    cse(emitter.program)
    return emitter.program


def _label(op: Operation) -> str:
    """What reports call the phase of `op`."""
    if isinstance(op, panels.ForPanelsOp):
        products = [inner for inner in op.body.block.ops if isinstance(inner, local.MatmulOp)]
        return "matmul" if products else "panels"
    if isinstance(op, local.ComputeOp) and not op.ins:
        return "fill"
    return op.name.partition(".")[2]


def _whole(storage: Storage, value: SSAValue) -> Tile:
    shape = tile_of(value)
    return Tile(storage, shape, row_major(shape))


def _input(emitter: Emitter, function: func.FuncOp, type: Attribute, number: int) -> Storage:
    name = _name_of(function.arg_attrs, number) or f"arg{number}"
    return _host_buffer(emitter, name, Purpose.INPUT, type)


def _output(emitter: Emitter, function: func.FuncOp, type: Attribute, number: int) -> Storage:
    name = _name_of(function.res_attrs, number) or f"result{number}"
    return _host_buffer(emitter, name, Purpose.OUTPUT, type)


def _host_buffer(emitter: Emitter, name: str, purpose: Purpose, type: Attribute) -> Storage:
    assert isinstance(type, TensorType)
    return Storage(emitter.buffer(name, purpose, tile_of(type), type.element_type, type))


def _name_of(attributes: Iterable[Attribute] | None, number: int) -> str | None:
    if attributes is None:
        return None
    mine = list(attributes)[number]
    name = mine.data.get("pyflame.name") if isinstance(mine, DictionaryAttr) else None
    return name.data if isinstance(name, StringAttr) else None


def _rectangle(function: func.FuncOp) -> tuple[int, int]:
    for op in (function, *function.walk()):
        types = function.function_type.inputs if op is function else [r.type for r in op.results]
        for type in types:
            if isinstance(type, TensorType) and isinstance(type.encoding, LayoutAttr):
                return layout_of(type).rectangle
    return 1, 1


def is_mesh_function(op: Operation) -> bool:
    """Whether `op` is a function with a body, on distributed tensors."""
    if not isinstance(op, func.FuncOp) or not op.body.blocks:
        return False
    types = (*op.function_type.inputs, *op.function_type.outputs)
    return any(isinstance(t, TensorType) and isinstance(t.encoding, LayoutAttr) for t in types)


@dataclass(frozen=True)
class ConvertMeshToDataflowPass(ModulePass):
    """Turn every function on distributed tensors into the program of one PE.

    `target` is the architecture, ``wse2`` or ``wse3``.
    """

    name = "convert-mesh-to-dataflow"

    target: str = "wse2"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Replace the functions of `op`."""
        arch = target(self.target)
        for function in list(op.body.block.ops):
            if is_mesh_function(function):
                assert isinstance(function, func.FuncOp)
                program = convert(function, arch)
                op.body.block.insert_op_before(program, function)
                function.detach()
                function.erase(safe_erase=False)
