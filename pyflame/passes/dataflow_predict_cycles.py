"""Predict the cycles of every phase from the cycle model and the rates of the architecture.

Formulas (`m` = `arch.cycles`, names as there; n elements, rate r of the builtin, P PEs on a line):

| op | cycles |
|---|---|
| vector op, reduce | dsd_setup + dsr_load · views + n / r |
| map | dsd_setup + dsr_load · views + n · (map_element · views + scalar ops) |
| matmul, K × S scalars, vectors of V | K · (start + S · step) |
|  … start | dsd_setup + 4 · dsr_load + branch |
|  … step | dsd_setup + map_element + V / r |
| async send | dsd_setup + 2 · dsr_load |
| send, recv, reduce_step | dsd_setup + dsr_load · operands + n, one word per cycle |
| latency of a bus | hop · (P - 1) + 2 · ramp, once per loop |
| latency of a chain | (2 · ramp + hop + 1) · (P - 1), once per loop |
| for | count · (body + branch + 2 · alu) |
| if | the dearer branch: the owner of a panel is what the others wait for |

Not modelled: bank conflicts, waiting for a PE that is late for other reasons, host commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from xdsl.context import Context
from xdsl.dialects import arith, math, scf
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from pyflame.arch import Arch
from pyflame.dialects.dataflow.communication import ChannelUseOp, RecvOp, ReduceStepOp, SendOp
from pyflame.dialects.dataflow.compute import MapOp, MatmulOp
from pyflame.dialects.dataflow.program import TOTAL, PhaseOp, ProgramOp, programs
from pyflame.dialects.dataflow.roles import RoleOp, ValidOp
from pyflame.dialects.dataflow.types import DYNAMIC, ViewType, view_type
from pyflame.dialects.dataflow.vector import VectorOp, ViewOp

CYCLES = "dataflow.cycles"
"""Attribute of phases and programs: predicted cycles."""


@dataclass(frozen=True)
class Cost:
    """`work` repeats with every turn of a loop, `latency` fills a pipeline once."""

    work: float = 0.0
    latency: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.work + other.work, self.latency + other.latency)

    @property
    def cycles(self) -> int:
        """Whole cycles."""
        return ceil(self.work + self.latency)


@dataclass(frozen=True)
class PhaseCycles:
    """Predicted cycles of one phase."""

    label: str
    cycles: int


def predict_cycles(program: ProgramOp) -> tuple[PhaseCycles, ...]:
    """Predicted cycles of every phase of `program`, in order (those in tasks after the others)."""
    return tuple(
        PhaseCycles(phase.label.data, _block_cost(phase.body.block, program).cycles)
        for phase in _phases(program)
    )


def _phases(program: ProgramOp) -> list[PhaseOp]:
    blocks = [program.body.block, *(task.body.block for task in program.tasks)]
    return [op for block in blocks for op in block.ops if isinstance(op, PhaseOp)]


def _block_cost(block: Block, program: ProgramOp) -> Cost:
    return sum((_cost(op, program) for op in block.ops), Cost())


def _cost(op: Operation, program: ProgramOp) -> Cost:
    for kind, rule in RULES.items():
        if isinstance(op, kind):
            return rule(op, program)
    return Cost()


def _elements(value: SSAValue) -> float:
    """Elements of a view, estimated where the size is known only at run time."""
    type = view_type(value)
    view = value.owner
    unknown = iter(view.sizes if isinstance(view, ViewOp) else ())
    total = 1.0
    for n in type.sizes:
        total *= estimate(next(unknown)) if n == DYNAMIC else n
    return total


def estimate(value: SSAValue) -> float:
    """A typical number for an index value: panel lengths their mean, roles their largest value."""
    op = value.owner
    match op:
        case arith.ConstantOp():
            assert isinstance(op.value, IntegerAttr)
            return op.value.value.data
        case arith.MinSIOp():
            mean = _mean_panel(op)
            return mean if mean is not None else min(estimate(op.lhs), estimate(op.rhs))
        case arith.MuliOp():
            return estimate(op.lhs) * estimate(op.rhs)
        case arith.AddiOp():
            return estimate(op.lhs) + estimate(op.rhs)
        case arith.SubiOp():
            return max(0.0, estimate(op.lhs) - estimate(op.rhs))
        case ValidOp():
            return min(op.tile.value.data, op.total.value.data)
        case _:
            return 0.0


def _mean_panel(op: Operation) -> float | None:
    loop = op.parent_op()
    while loop is not None:
        total = loop.attributes.get(TOTAL)
        if isinstance(loop, scf.ForOp) and isinstance(total, IntegerAttr):
            return total.value.data / max(1.0, estimate(loop.ub))
        loop = loop.parent_op()
    return None


def _vector(op: VectorOp, program: ProgramOp) -> Cost:
    arch = program.arch
    views = sum(isinstance(v.type, ViewType) for v in op.operands)
    return _dsd(arch, views, _elements(op.dest) / arch.memory_rate(op.builtin, views - 1))


def _dsd(arch: Arch, operands: int, cycles: float) -> Cost:
    return Cost(arch.dsd_cycles(operands, cycles))


def _map(op: MapOp, program: ProgramOp) -> Cost:
    arch = program.arch
    model = arch.cycles
    body = sum(_scalar(inner, arch) for inner in op.body.block.ops)
    each = model.map_element * len(op.operands) + body
    return _dsd(arch, len(op.operands), model.map_setup + _elements(op.dest) * each)


def _scalar(op: Operation, arch: Arch) -> int:
    model = arch.cycles
    match op:
        case arith.ConstantOp():
            return 0
        case arith.DivfOp():
            return model.fdiv
        case math.AbsFOp():
            return model.alu
        case _ if op.name.startswith("math."):
            return model.math
        case _:
            return model.alu


def _matmul(op: MatmulOp, program: ProgramOp) -> Cost:
    arch = program.arch
    model = arch.cycles
    inner = _elements(op.b) / view_type(op.b).sizes[1]
    step = model.dsd_setup + model.map_element
    step += op.vector_length / arch.memory_rate(op.builtin, 2)
    each = model.map_setup + 4 * model.dsr_load + op.scalar_count * step
    return Cost(inner * (each + model.loop))


def _send(op: SendOp, program: ProgramOp) -> Cost:
    words = 0.0 if op.asynchronous is not None else _elements(op.view)
    return _dsd(program.arch, 2, words)


def _receive(op: RecvOp | ReduceStepOp, program: ProgramOp) -> Cost:
    operands = 2 if isinstance(op, RecvOp) else 3
    return _dsd(program.arch, operands, _elements(op.view)) + Cost(0, _latency(op, program))


def _latency(op: ChannelUseOp, program: ProgramOp) -> float:
    model = program.arch.cycles
    channel = op.channel_op
    hops = program.extent(channel.axis.data) - 1
    if channel.num_slots > 1:
        return (2 * model.ramp + model.hop + 1) * hops
    return model.hop * hops + 2 * model.ramp


def _for(op: scf.ForOp, program: ProgramOp) -> Cost:
    model = program.arch.cycles
    count = estimate(op.ub) - estimate(op.lb)
    body = _block_cost(op.body.block, program)
    return Cost(count * (body.work + model.loop + 2 * model.alu), body.latency)


def _if(op: scf.IfOp, program: ProgramOp) -> Cost:
    regions = [region for region in op.regions if region.blocks]
    if _is_usual(op.cond):
        regions = regions[:1]
    branches = [_block_cost(region.block, program) for region in regions]
    return max(branches, key=lambda cost: cost.work + cost.latency)


def _is_usual(condition: SSAValue) -> bool:
    """Whether the condition says that a panel has its full length: true but for few panels."""
    op = condition.owner
    return (
        isinstance(op, arith.CmpiOp)
        and op.predicate.value.data == 0
        and isinstance(op.rhs.owner, arith.ConstantOp)
        and not isinstance(op.lhs.owner, RoleOp | Block)
    )


RULES: dict[type[Operation], Callable[..., Cost]] = {
    VectorOp: _vector,
    MapOp: _map,
    MatmulOp: _matmul,
    SendOp: _send,
    RecvOp: _receive,
    ReduceStepOp: _receive,
    scf.ForOp: _for,
    scf.IfOp: _if,
}
"""Op class → its predicted cost; index arithmetic and views count nothing."""


def annotate(program: ProgramOp) -> None:
    """Write the predicted cycles to every phase, and their sum to the program."""
    predicted = predict_cycles(program)
    for phase, cost in zip(_phases(program), predicted, strict=True):
        phase.attributes[CYCLES] = IntegerAttr(cost.cycles, i64)
    program.attributes[CYCLES] = IntegerAttr(sum(cost.cycles for cost in predicted), i64)


@dataclass(frozen=True)
class PredictCyclesPass(ModulePass):
    """Annotate phases and programs with predicted cycles."""

    name = "dataflow-predict-cycles"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Annotate every program of `op`."""
        for program in programs(op):
            annotate(program)
