"""The program under construction: buffers, channels, roles, phases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from xdsl.builder import Builder
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import (
    Float16Type,
    Float32Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    TensorType,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint

from pyflame.arch import Arch
from pyflame.dialects.dataflow.attributes import Direction, Purpose
from pyflame.dialects.dataflow.program import BufferOp, ChannelOp, PhaseOp, ProgramOp
from pyflame.dialects.dataflow.roles import RoleOp
from pyflame.dialects.dataflow.routes import bus, chain
from pyflame.dialects.mesh.attributes import Axis
from pyflame.lowering.mesh_to_dataflow import indexing
from pyflame.lowering.mesh_to_dataflow.indexing import Index

AHEAD = {Axis.COLS: Direction.EAST, Axis.ROWS: Direction.SOUTH}
"""The direction of ascending positions."""

Emit = Callable[[], None]
"""Emits ops at the emitter's current place."""


class Emitter:
    """Builds one `dataflow.program`.

    Declarations are made where they are first needed and stand at the program's top, so that only
    what is used exists. Everything else goes where `builder` points.
    """

    def __init__(self, name: str, arch: Arch, rows: int, cols: int) -> None:
        self.arch = arch
        self.program = ProgramOp(name, arch.name, rows, cols)
        self._last_declared: Operation | None = None
        self._roles: dict[tuple[object, ...], SSAValue] = {}
        self._names: set[str] = set()
        self._labels: dict[str, int] = {}
        self.builder = Builder(InsertPoint.at_end(self.program.body.block))

    def extent(self, axis: Axis) -> int:
        """Number of PEs along an axis."""
        return self.program.extent(axis)

    # declarations

    def _declare(self, op: Operation) -> None:
        block = self.program.body.block
        if self._last_declared is not None:
            block.insert_op_after(op, self._last_declared)
        elif block.first_op is not None:
            block.insert_op_before(op, block.first_op)
        else:
            block.add_op(op)
        self._last_declared = op

    def buffer(
        self,
        name: str,
        purpose: Purpose,
        shape: tuple[int, ...],
        element: Attribute,
        tensor: TensorType | None = None,
    ) -> BufferOp:
        """A new buffer; `name` becomes a unique identifier."""
        symbol = self._unique(name)
        host = name if symbol != name and purpose is not Purpose.TEMPORARY else None
        op = BufferOp(symbol, purpose, MemRefType(element, shape), tensor, host)
        op.result.name_hint = symbol
        self._declare(op)
        return op

    def _unique(self, name: str) -> str:
        symbol = re.sub(r"\W", "_", name, flags=re.ASCII) or "value"
        if symbol[0].isdigit():
            symbol = f"_{symbol}"
        candidate, count = symbol, 0
        while candidate in self._names:
            count += 1
            candidate = f"{symbol}_{count}"
        self._names.add(candidate)
        return candidate

    def bus(self, direction: Direction) -> str:
        """The name of the bus in `direction`."""
        assert direction.axis is not None
        return self._channel(f"{direction.axis.value}_{direction.value}", direction, bus)

    def chain(self, direction: Direction) -> str:
        """The name of the chain in `direction`."""
        assert direction.axis is not None
        return self._channel(f"{direction.axis.value}_chain_{direction.value}", direction, chain)

    def _channel(self, name: str, direction: Direction, routes: Callable) -> str:
        axis = direction.axis
        assert axis is not None
        if self.program.channel(name) is None:
            self._declare(ChannelOp(name, axis, routes(direction, self.extent(axis))))
            self._names.add(name)
        return name

    def role(self, cls: Callable[..., RoleOp], axis: Axis, *args: int) -> SSAValue:
        """The value of a role, declared once."""
        key = (cls, axis, *args)
        if key not in self._roles:
            op = cls(axis, *args)
            self._declare(op)
            short = "x" if axis is Axis.COLS else "y"
            op.results[0].name_hint = f"{op.name.partition('.')[2]}_{short}"
            self._roles[key] = op.results[0]
        return self._roles[key]

    # places

    @contextmanager
    def phase(self, label: str) -> Iterator[None]:
        """Emit into a new phase, numbered if the label is taken; an empty one leaves no trace."""
        block = Block()
        with self._at(block):
            yield
        if block.first_op is not None:
            self._labels[label] = count = self._labels.get(label, 0) + 1
            self.builder.insert(PhaseOp(label if count == 1 else f"{label} {count}", block))

    def branch(self, condition: SSAValue, then: Emit, otherwise: Emit | None = None) -> None:
        """``scf.if condition { then } else { otherwise }``."""
        no = None if otherwise is None else self._region(otherwise)
        self.builder.insert(scf.IfOp(condition, [], self._region(then), no))

    def _region(self, emit: Emit) -> Region:
        block = Block()
        with self._at(block):
            emit()
            self.builder.insert(scf.YieldOp())
        return Region(block)

    def loop(
        self,
        count: Index,
        body: Callable[..., list[Index]],
        carried: Sequence[Index] = (),
    ) -> scf.ForOp:
        """``scf.for i = 0 to count``; `body` takes i and the carried values, returns the next."""
        start = [indexing.value(self.builder, c) for c in carried]
        low, high, one = (indexing.value(self.builder, n) for n in (0, count, 1))
        block = Block(arg_types=[low.type, *(v.type for v in start)])
        with self._at(block):
            following = body(*block.args)
            self.builder.insert(scf.YieldOp(*(indexing.value(self.builder, n) for n in following)))
        return self.builder.insert(scf.ForOp(low, high, one, start, Region(block)))

    @contextmanager
    def _at(self, block: Block) -> Iterator[None]:
        before = self.builder
        self.builder = Builder(InsertPoint.at_end(block))
        try:
            yield
        finally:
            self.builder = before

    def scalar(self, number: float, type: Attribute) -> SSAValue:
        """A constant of a float or integer type."""
        if isinstance(type, IntegerType):
            return self.builder.insert(arith.ConstantOp(IntegerAttr(int(number), type))).result
        assert isinstance(type, Float16Type | Float32Type)
        return self.builder.insert(arith.ConstantOp(FloatAttr(number, type))).result
