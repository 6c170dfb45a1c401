"""Which buffer a value gets: the output's, an operand's that dies here, or a fresh one.

Two decisions are made before the lowering, looking back from the results:

* `plan_outputs`: the output buffer that a value, directly or through ops that may work in place,
  ends up in. Such a value is computed there from the start;
* `plan_orders`: accumulators of products that are vectorised over their rows lie column by column.

The rest is decided op by op, because aliases (reshapes, panels read in place) are only known then.
"""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects import func
from xdsl.ir import Block, Operation, SSAValue

from pyflame.dialects.mesh.attributes import element_of, tile_of
from pyflame.dialects.mesh.local import ComputeOp, MatmulOp, ReshapeOp
from pyflame.dialects.mesh.movement import AllReduceOp, ReduceOp
from pyflame.dialects.mesh.panels import ForPanelsOp

Order = tuple[int, ...]
"""Dimensions from the slowest to the fastest in memory."""


def dies_at(value: SSAValue, op: Operation) -> bool:
    """Whether nothing reads `value` after `op`, and `op` runs once per definition of it."""
    block = op.parent
    if block is None or _block_of(value) is not block:
        return False
    return all(not _after(_ancestor_in(block, use.operation), op) for use in value.uses)


def dead_before(value: SSAValue, op: Operation) -> bool:
    """Whether neither `op` nor anything after it reads `value`."""
    return dies_at(value, op) and all(
        op.parent is not None and _ancestor_in(op.parent, use.operation) is not op
        for use in value.uses
    )


def _block_of(value: SSAValue) -> Block | None:
    owner = value.owner
    return owner if isinstance(owner, Block) else owner.parent


def _ancestor_in(block: Block, op: Operation) -> Operation:
    while op.parent is not block:
        parent = op.parent_op()
        assert parent is not None
        op = parent
    return op


def _after(op: Operation, other: Operation) -> bool:
    return op is not other and other.is_before_in_block(op)


def result_number(op: Operation, result: SSAValue) -> int:
    """Which result of `op` it is."""
    return next(i for i, r in enumerate(op.results) if r is result)


def in_place_operands(op: Operation, result: SSAValue) -> tuple[SSAValue, ...]:
    """The operands whose tile that of `result` may take over, the best first."""
    match op:
        case ForPanelsOp():
            return (op.init[result_number(op, result)],)
        case ComputeOp():
            same = tuple(range(len(tile_of(op.result))))
            moved = {x for x, map in zip(op.ins, op.map_values, strict=True) if map != same}
            return tuple(
                x
                for x in op.ins
                if x not in moved
                and tile_of(x) == tile_of(op.result)
                and element_of(x) == element_of(op.result)
            )
        case MatmulOp():
            return (op.acc,)
        case AllReduceOp() | ReduceOp() | ReshapeOp():
            return (op.x,)
        case _:
            return ()


def plan_outputs(function: func.FuncOp) -> Mapping[SSAValue, int]:
    """For values that end up in an output: its number among the function's results."""
    block = function.body.block
    returned = block.last_op
    assert isinstance(returned, func.ReturnOp)
    plan: dict[SSAValue, int] = {}
    for number, value in enumerate(returned.arguments):
        if not isinstance(value.owner, Block):
            plan.setdefault(value, number)
    for op in reversed(list(block.ops)):
        for result in op.results:
            if result in plan:
                _plan_operand(op, result, plan)
    return plan


def _plan_operand(op: Operation, result: SSAValue, plan: dict[SSAValue, int]) -> None:
    for value in in_place_operands(op, result):
        if value not in plan and not isinstance(value.owner, Block) and dies_at(value, op):
            plan[value] = plan[result]
            return


def plan_orders(function: func.FuncOp) -> Mapping[SSAValue, Order]:
    """The order in memory of accumulators; all other values are row-major."""
    plan: dict[SSAValue, Order] = {}
    for op in function.walk():
        if isinstance(op, MatmulOp) and (order := accumulator_order(op)) is not None:
            plan.setdefault(op.acc, order)
            plan.setdefault(op.result, order)
    for op in function.walk():
        if isinstance(op, ForPanelsOp):
            args = op.body.block.args[2:]
            for start, arg, end in zip(op.init, args, op.res, strict=True):
                if arg in plan:
                    plan.setdefault(start, plan[arg])
                    plan[end] = plan[arg]
    return plan


def accumulator_order(op: MatmulOp) -> Order | None:
    """Column by column if a column is longer than a row, else None: row by row."""
    *batch, m, n = tile_of(op.acc)
    if m <= n:
        return None
    rank = len(batch) + 2
    return (*range(rank - 2), rank - 1, rank - 2)
