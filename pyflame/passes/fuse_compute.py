"""Merge elementwise computations, so that a chain of them is one loop over a tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import IntegerType, ModuleOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from pyflame.dialects.mesh.attributes import element_of, tile_of
from pyflame.dialects.mesh.local import ComputeOp, Map, YieldOp

CHEAP: frozenset[type[Operation]] = frozenset(
    {
        arith.ConstantOp, arith.AddfOp, arith.SubfOp, arith.MulfOp, arith.NegfOp,
        arith.MaximumfOp, arith.MinimumfOp, arith.ExtFOp, arith.TruncFOp, arith.CmpfOp,
        arith.SelectOp, arith.UIToFPOp, arith.AndIOp, arith.OrIOp, arith.XOrIOp, math.AbsFOp,
    }
)  # fmt: skip
"""Scalar ops that cost about as much as reading a stored value."""

REPEATED_OPS = 2
"""A body of at most this many cheap ops may be computed again by every reader."""


LONGEST_BODY = 100
"""Scalar ops of a body from which on it is not merged any more, masks excepted: what a loop costs
beside its body is then negligible, and compile time stays linear in the length of a chain."""


@dataclass(frozen=True)
class FuseComputePass(ModulePass):
    """Compute a `mesh.compute` inside the `mesh.compute` that reads it.

    Fills, copies and masks (i1) are always merged: they are not worth, or not able, to be stored.
    Others are merged where that does not repeat work: into one reader that reads each element
    once, or into several if the body is cheap and has one operand.
    """

    name = "mesh-fuse-compute"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Fuse in place, producers first; what nothing reads any more is erased."""
        for compute in _computes(op):
            _fuse_operands(compute)
        for compute in reversed(_computes(op)):
            if compute.result.first_use is None:
                Rewriter.erase_op(compute)


def _computes(module: ModuleOp) -> list[ComputeOp]:
    return [op for op in module.walk() if isinstance(op, ComputeOp)]


def _should_fuse(producer: ComputeOp, reader: ComputeOp) -> bool:
    """Whether `reader` may compute what it reads of `producer`."""
    if producer.parent is not reader.parent:
        return False
    if not producer.ins or element_of(producer.result) == IntegerType(1):
        return True
    scalars = [op for op in producer.body.block.ops if not isinstance(op, YieldOp)]
    if not scalars:
        return True
    repeats = prod(tile_of(reader.result)) > prod(tile_of(producer.result))
    if len(scalars) > LONGEST_BODY or repeats:
        return False
    readers = {use.operation for use in producer.result.uses}
    if len(readers) == 1:
        return True
    cheap = len(scalars) <= REPEATED_OPS and all(type(op) in CHEAP for op in scalars)
    return cheap and len(producer.ins) == 1 and all(isinstance(r, ComputeOp) for r in readers)


def _composed(inner: Map, outer: Map) -> Map:
    """`inner` maps an operand to a value that `outer` maps on."""
    return tuple(outer[d] if d >= 0 else -1 for d in inner)


def _fuse_operands(op: ComputeOp) -> None:
    """Merge producers into `op`, which a new op then replaces."""
    merged = _Merged()
    arguments: list[SSAValue] = []
    for value, map in zip(op.ins, op.map_values, strict=True):
        owner = value.owner
        if isinstance(owner, ComputeOp) and _should_fuse(owner, op):
            arguments.append(merged.inline(owner, map))
        else:
            arguments.append(merged.operand(value, map))
    result = merged.body(op, arguments)
    merged.block.add_op(YieldOp(result))
    fused = ComputeOp(merged.ins, merged.maps, merged.block, op.result.type)
    fused.location = op.location
    Rewriter.replace_op(op, fused)


class _Merged:
    """Operands, maps and body of a fused op as they grow; equal ones are there once."""

    def __init__(self) -> None:
        self.ins: list[SSAValue] = []
        self.maps: list[Map] = []
        self.block = Block()
        self._arguments: dict[tuple[SSAValue, Map], SSAValue] = {}
        self._inlined: dict[tuple[ComputeOp, Map], SSAValue] = {}
        self._constants: dict[Attribute, SSAValue] = {}

    def operand(self, value: SSAValue, map: Map) -> SSAValue:
        """The body's argument for an element of `value`."""
        if (value, map) not in self._arguments:
            self.ins.append(value)
            self.maps.append(map)
            argument = self.block.insert_arg(element_of(value), len(self.block.args))
            self._arguments[value, map] = argument
        return self._arguments[value, map]

    def inline(self, producer: ComputeOp, map: Map) -> SSAValue:
        """The body's value for an element of what `producer` computes."""
        if (producer, map) not in self._inlined:
            arguments = [
                self.operand(value, _composed(inner, map))
                for value, inner in zip(producer.ins, producer.map_values, strict=True)
            ]
            self._inlined[producer, map] = self.body(producer, arguments)
        return self._inlined[producer, map]

    def body(self, op: ComputeOp, arguments: Sequence[SSAValue]) -> SSAValue:
        """Copy the body of `op` with `arguments`; what it yields."""
        values: dict[SSAValue, SSAValue] = dict(zip(op.body.block.args, arguments, strict=True))
        for scalar in op.body.block.ops:
            if isinstance(scalar, YieldOp):
                return values[scalar.arguments[0]]
            values[scalar.results[0]] = self._copy(scalar, values)
        raise AssertionError("a verified body ends with mesh.yield")

    def _copy(self, op: Operation, values: dict[SSAValue, SSAValue]) -> SSAValue:
        if isinstance(op, arith.ConstantOp) and op.value in self._constants:
            return self._constants[op.value]
        copy = op.clone(values)
        self.block.add_op(copy)
        if isinstance(op, arith.ConstantOp):
            self._constants[op.value] = copy.results[0]
        return copy.results[0]
