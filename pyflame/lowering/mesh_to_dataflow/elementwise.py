"""Scalar bodies over tiles: a few DSD operations where they are cheaper, else one map.

A *plan* is the body as steps of DSD operations on slots. Slot values: an operand's view, a
constant, the destination, or a temporary tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import FloatAttr, IntegerAttr
from xdsl.ir import Attribute, Block, BlockArgument, Operation, SSAValue

from pyflame.arch import Arch
from pyflame.dialects.dataflow.vector import (
    AbsOp,
    AddOp,
    ConvertOp,
    CopyOp,
    MacOp,
    MaxOp,
    MulOp,
    NegOp,
    SubOp,
    VectorOp,
)

DSD_OPS: dict[type[Operation], type[VectorOp]] = {
    arith.AddfOp: AddOp,
    arith.SubfOp: SubOp,
    arith.MulfOp: MulOp,
    arith.MaximumfOp: MaxOp,
    arith.MaxnumfOp: MaxOp,
    arith.NegfOp: NegOp,
    arith.ExtFOp: ConvertOp,
    arith.TruncFOp: ConvertOp,
    math.AbsFOp: AbsOp,
}
"""Scalar op → the vector op that does the same to whole views."""

MAX_TEMPORARIES = 2
"""Temporary tiles that a chain of DSD operations may take before a map is preferred."""


@dataclass(frozen=True)
class Step:
    """One DSD operation: `cls` on `sources` into the slot of body value `result`."""

    cls: type[VectorOp]
    sources: tuple[SSAValue, ...]
    result: SSAValue

    @property
    def signature(self) -> tuple[str, ...]:
        """Element types of destination and sources."""
        return tuple(str(v.type) for v in (self.result, *self.sources))

    @property
    def builtin(self) -> str | None:
        """The DSD builtin, None if there is none for these element types."""
        return self.cls.BUILTINS.get(self.signature)


@dataclass
class Plan:
    """Steps in order, and for each step's result the temporary that holds it (None: destination).

    `temporaries` holds the element type of each temporary tile.
    """

    steps: list[Step] = field(default_factory=list)
    slots: dict[SSAValue, int | None] = field(default_factory=dict)
    temporaries: list[Attribute] = field(default_factory=list)


def constant_of(value: SSAValue) -> Attribute | None:
    """The constant that a body value is, or None."""
    return value.owner.value if isinstance(value.owner, arith.ConstantOp) else None


def is_constant(value: SSAValue) -> bool:
    """Whether a body value is a constant."""
    return constant_of(value) is not None


def plan(body: Block, result: SSAValue, shares_dest: Sequence[bool]) -> Plan | None:
    """The body as DSD operations; None if it is not made of them.

    `result` is the value that the body yields; `shares_dest[i]` tells that operand i lies in the
    destination, so that intermediate values may go there only once it is no longer needed.
    """
    steps = _steps(body, result)
    if steps is None:
        return None
    return _with_slots(steps, body, result, shares_dest)


def _steps(body: Block, result: SSAValue) -> list[Step] | None:
    if isinstance(result, BlockArgument) or is_constant(result):
        return [Step(CopyOp, (result,), result)]
    steps: list[Step] = []
    for op in body.ops:
        if isinstance(op, arith.ConstantOp) or op is body.last_op:
            continue
        cls = DSD_OPS.get(type(op))
        if cls is None:
            return None
        steps.append(Step(cls, tuple(op.operands), op.results[0]))
    steps = _fused(steps)
    usable = all(
        step.builtin is not None and not all(is_constant(s) for s in step.sources) for step in steps
    )
    return steps if usable and steps and steps[-1].result is result else None


def _fused(steps: list[Step]) -> list[Step]:
    """``a + x * constant`` in one multiply-add, where the product has no other use."""
    products = {
        step.result: step
        for step in steps
        if step.cls is MulOp
        and step.result.has_one_use()
        and sum(is_constant(s) for s in step.sources) == 1
    }
    fused: list[Step] = []
    gone: set[SSAValue] = set()
    for step in steps:
        candidates = [s for s in step.sources if s in products] if step.cls is AddOp else []
        if not candidates:
            fused.append(step)
            continue
        product = products[candidates[0]]
        addend = next(s for s in step.sources if s is not candidates[0])
        factor, scalar = sorted(product.sources, key=is_constant)
        replacement = Step(MacOp, (addend, factor, scalar), step.result)
        if is_constant(addend) or replacement.builtin is None:
            fused.append(step)
            continue
        gone.add(product.result)
        fused.append(replacement)
    return [step for step in fused if step.result not in gone]


def _with_slots(
    steps: list[Step], body: Block, result: SSAValue, shares_dest: Sequence[bool]
) -> Plan | None:
    """Give every result but the last a place: the destination while free, else a temporary."""
    last_read = {source: i for i, step in enumerate(steps) for source in step.sources}
    in_dest = [a for a, shares in zip(body.args, shares_dest, strict=True) if shares]
    made = Plan(steps)
    live: dict[SSAValue, int | None] = {}
    for i, step in enumerate(steps):
        live = {v: slot for v, slot in live.items() if last_read.get(v, -1) >= i}
        occupied = [v for v, slot in live.items() if slot is None and last_read[v] > i]
        operands = [a for a in in_dest if last_read.get(a, -1) > i]
        fits = step.result.type == result.type
        slot = None if step.result is result or (fits and not occupied and not operands) else -1
        if slot == -1:
            slot = _temporary(
                made,
                step.result.type,
                {s for v, s in live.items() if s is not None and last_read[v] > i},
            )
        made.slots[step.result] = slot
        live[step.result] = slot
    return made if len(made.temporaries) <= MAX_TEMPORARIES else None


def _temporary(made: Plan, element: Attribute, busy: set[int]) -> int:
    for number, type in enumerate(made.temporaries):
        if number not in busy and type == element:
            return number
    made.temporaries.append(element)
    return len(made.temporaries) - 1


def dsd_cycles(made: Plan, count: int, arch: Arch) -> float:
    """Cycles of a plan over `count` elements: setup and loads of every operation, and its rate."""
    total = 0.0
    for step in made.steps:
        sources = sum(not is_constant(s) for s in step.sources)
        builtin = step.builtin
        assert builtin is not None
        total += arch.dsd_cycles(1 + sources, count / arch.memory_rate(builtin, sources))
    return total


def map_cycles(body: Block, count: int, arch: Arch) -> float:
    """Cycles of a map of `body` over `count` elements."""
    model = arch.cycles
    views = len(body.args) + 1
    each = model.map_element * views + sum(scalar_cycles(op, arch) for op in body.ops)
    return arch.dsd_cycles(views, model.map_setup + count * each)


def scalar_cycles(op: Operation, arch: Arch) -> int:
    """Cycles of one scalar `arith` or `math` op."""
    model = arch.cycles
    if isinstance(op, arith.ConstantOp) or not op.results:
        return 0
    if isinstance(op, arith.DivfOp):
        return model.fdiv
    if op.name.startswith("math.") and not isinstance(op, math.AbsFOp):
        return model.math
    return model.alu


def float_constant(value: SSAValue) -> float:
    """The number that a constant body value is."""
    attribute = constant_of(value)
    assert isinstance(attribute, FloatAttr | IntegerAttr)
    return float(attribute.value.data)
