"""A plain machine for dataflow programs, to see in tests what the lowering computes.

The house rule is that this level runs by going on to CSL text. This machine stays in the tests: it
knows nothing of routes, colours or time. It runs every PE until it waits, in turn, with NumPy for
what one op does. Memory starts as NaN, and so does the padding of inputs; a view outside of its
buffer is an error.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Iterator

import numpy as np
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import Float16Type, Float32Type, FloatAttr, IntegerAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from pyflame.dialects.dataflow import communication, compute, vector
from pyflame.dialects.dataflow.attributes import Direction, Purpose
from pyflame.dialects.dataflow.program import BufferOp, ChannelOp, PhaseOp, ProgramOp
from pyflame.dialects.dataflow.roles import RoleOp
from pyflame.dialects.dataflow.routes import send_slot
from pyflame.dialects.dataflow.types import DYNAMIC, view_type
from pyflame.dialects.mesh.attributes import layout_of, shape_of
from pyflame.layout import COLS, PECoord
from pyflame.runtime.interpreters.mesh.scalar import run_body

Place = tuple[int, int]


def numpy_type(type: Attribute) -> np.dtype:
    """The NumPy type of an element type."""
    if isinstance(type, Float16Type):
        return np.dtype(np.float16)
    return np.dtype(np.float32 if isinstance(type, Float32Type) else f"int{str(type)[1:]}")


class Machine:
    """All PEs of a program."""

    def __init__(self, program: ProgramOp) -> None:
        self.program = program
        rows, cols = program.rectangle
        self.places = [(r, c) for r in range(rows) for c in range(cols)]
        self.queues: dict[tuple[str, Place], deque[np.ndarray]] = {}
        self.memory = {
            (place, buffer.result): _unset(buffer)
            for place in self.places
            for buffer in program.buffers
        }

    def run(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Place `arrays` in the inputs, run, and fetch the outputs.

        Inputs of one host name take the same array.
        """
        inputs = self._by_purpose(Purpose.INPUT)
        names = list(dict.fromkeys(buffer.host_name for buffer in inputs))
        by_name = dict(zip(names, arrays, strict=True))
        for buffer in inputs:
            self._place(buffer, by_name[buffer.host_name])
        with np.errstate(all="ignore"):
            self._go()
        return [self._fetch(buffer) for buffer in self._by_purpose(Purpose.OUTPUT)]

    def _by_purpose(self, purpose: Purpose) -> list[BufferOp]:
        return [b for b in self.program.buffers if b.purpose.data is purpose]

    def _go(self) -> None:
        running = {place: PE(self, place).run() for place in self.places}
        while running:
            before = len(running), sum(map(len, self.queues.values()))
            sent = self._sent
            for place in list(running):
                try:
                    while next(running[place]):
                        pass
                except StopIteration:
                    del running[place]
            after = len(running), sum(map(len, self.queues.values()))
            assert before != after or sent != self._sent, f"deadlock at {list(running)}"

    _sent = 0

    def send(self, channel: ChannelOp, place: Place, words: np.ndarray) -> None:
        """Put words in the queues of all PEs that listen."""
        axis = channel.axis.data.number
        slot = send_slot(channel.routes.data, place[axis])
        assert slot is not None, f"PE {place} has no route to send on {channel.sym_name.data}"
        self._sent += 1
        front = [place]
        while front:
            here = front.pop()
            (route,) = [
                r for r in channel.routes if r.slot.data == slot and here[axis] in r.positions
            ]
            for direction in route.tx_values:
                if direction is Direction.RAMP:
                    self.queues.setdefault((channel.sym_name.data, here), deque()).extend(words)
                else:
                    row, col = here
                    step = direction.step
                    front.append((row, col + step) if axis == COLS else (row + step, col))

    # host

    def _place(self, buffer: BufferOp, array: np.ndarray) -> None:
        for place, window, part in self._tiles(buffer):
            tile = self.memory[place, buffer.result].reshape(buffer.type.get_shape())
            if tile.dtype.kind == "f":
                tile[...] = np.nan
            tile[window] = array[part]

    def _fetch(self, buffer: BufferOp) -> np.ndarray:
        assert buffer.tensor is not None
        shape = shape_of(buffer.tensor)
        array = np.zeros(shape, numpy_type(buffer.type.element_type))
        for place, window, part in self._tiles(buffer):
            array[part] = self.memory[place, buffer.result].reshape(buffer.type.get_shape())[window]
        return array

    def _tiles(self, buffer: BufferOp) -> Iterator[tuple[Place, tuple, tuple]]:
        assert buffer.tensor is not None
        shape, attribute = shape_of(buffer.tensor), layout_of(buffer.tensor)
        layout = attribute.to_layout()
        tile = layout.tile_shape(shape)
        for place in self.places:
            if any(r not in (None, p) for r, p in zip(attribute.roots, place, strict=True)):
                continue
            valid = layout.valid_extents(shape, PECoord(*place))
            starts = [
                0 if axis is None else place[axis] * t
                for t, axis in zip(tile, attribute.split, strict=True)
            ]
            yield (
                place,
                tuple(slice(0, n) for n in valid),
                tuple(slice(s, s + n) for s, n in zip(starts, valid, strict=True)),
            )


def _unset(buffer: BufferOp) -> np.ndarray:
    type = numpy_type(buffer.type.element_type)
    return np.full(buffer.num_elements, np.nan if type.kind == "f" else -1, type)


class PE:
    """One PE at work."""

    def __init__(self, machine: Machine, place: Place) -> None:
        self.machine, self.place = machine, place
        self.values: dict[SSAValue, int] = {}

    def run(self) -> Iterator[bool]:
        """Run to the end; False says that the PE waits."""
        yield from self.block(self.machine.program.body.block)

    def block(self, block: Block) -> Iterator[bool]:
        for op in block.ops:
            match op:
                case PhaseOp():
                    yield from self.block(op.body.block)
                case scf.ForOp():
                    yield from self.loop(op)
                case scf.IfOp():
                    region = op.true_region if self.values[op.cond] else op.false_region
                    if region.blocks:
                        yield from self.block(region.block)
                case communication.RecvOp() | communication.ReduceStepOp():
                    yield from self.receive(op)
                case communication.SendOp():
                    words = self.elements(op.view).astype(np.float32)
                    self.machine.send(op.channel_op, self.place, words)
                case _:
                    self.execute(op)

    def loop(self, op: scf.ForOp) -> Iterator[bool]:
        values = self.values
        carried = [values[v] for v in op.iter_args]
        for i in range(values[op.lb], values[op.ub], values[op.step]):
            values.update(zip(op.body.block.args, [i, *carried], strict=True))
            yield from self.block(op.body.block)
            last = op.body.block.last_op
            assert last is not None
            carried = [values[v] for v in last.operands]
        values.update(zip(op.res, carried, strict=True))

    def receive(self, op: communication.ChannelUseOp) -> Iterator[bool]:
        index = self.index(op.view)
        key = op.channel.string_value(), self.place
        queue = self.machine.queues.setdefault(key, deque())
        while len(queue) < len(index):
            yield False
        words = np.array([queue.popleft() for _ in index])
        memory = self.memory(op.view)
        if isinstance(op, communication.RecvOp):
            memory[index] = words
        elif op.forward is None:
            memory[index] += words
        else:
            self.machine.send(op.channel_op, self.place, memory[index] + words)

    # values

    def memory(self, view: SSAValue) -> np.ndarray:
        assert isinstance(view.owner, vector.ViewOp)
        return self.machine.memory[self.place, view.owner.buffer]

    def index(self, view: SSAValue) -> np.ndarray:
        """Where the elements of a view lie, in the order in which they are walked."""
        op = view.owner
        assert isinstance(op, vector.ViewOp)
        unknown = iter(op.sizes)
        start = op.base.value.data + (self.values[op.offset] if op.offset is not None else 0)
        index = np.array([start])
        type = view_type(view)
        for n, s in zip(type.sizes, type.stride_values, strict=True):
            size = self.values[next(unknown)] if n == DYNAMIC else n
            index = (index[:, None] + s * np.arange(size)).reshape(-1)
        assert len(index), f"{op} is empty at {self.place}"
        bound = len(self.memory(view))
        assert index.min() >= 0 and index.max() < bound, f"{op} leaves its buffer at {self.place}"
        return index

    def elements(self, value: SSAValue) -> np.ndarray:
        if isinstance(value.owner, arith.ConstantOp):
            attribute = value.owner.value
            assert isinstance(attribute, FloatAttr | IntegerAttr)
            return np.array(attribute.value.data, numpy_type(value.type))
        return self.memory(value)[self.index(value)]

    def execute(self, op: Operation) -> None:
        match op:
            case vector.ReduceOp():
                _REDUCE[op.kind.data.value].at(
                    self.memory(op.dest), self.index(op.dest), self.elements(op.source)
                )
            case vector.VectorOp():
                sources = [self.elements(v) for v in op.sources]
                self.memory(op.dest)[self.index(op.dest)] = _VECTOR[op.name](*sources)
            case compute.MapOp():
                (result,) = run_body(op.body.block, [self.elements(v) for v in op.ins])
                self.memory(op.dest)[self.index(op.dest)] = result
            case compute.MatmulOp():
                self.matmul(op)
            case RoleOp():
                axis = op.axis.data
                extent = self.machine.program.extent(axis)
                value = op.value_at(self.place[axis.number], extent)
                self.values[op.results[0]] = value
            case _ if op.name.startswith("arith."):
                self.scalar(op)

    def matmul(self, op: compute.MatmulOp) -> None:
        m, n = view_type(op.c).sizes
        index = self.index(op.c)
        a = self.elements(op.a).astype(np.float32).reshape(m, -1)
        b = self.elements(op.b).astype(np.float32).reshape(-1, n)
        memory = self.memory(op.c)
        memory[index] += (a @ b).reshape(-1)

    def scalar(self, op: Operation) -> None:
        if isinstance(op, arith.ConstantOp):
            if isinstance(op.value, IntegerAttr):
                self.values[op.result] = op.value.value.data
            return
        operands = [self.values[v] for v in op.operands]
        if isinstance(op, arith.CmpiOp):
            self.values[op.result] = int(_COMPARE[op.predicate.value.data](*operands))
        else:
            self.values[op.results[0]] = _INDEX[op.name](*operands)


_REDUCE = {"sum": np.add, "prod": np.multiply, "max": np.maximum}
_VECTOR = {
    "dataflow.copy": lambda a: a,
    "dataflow.convert": lambda a: a,
    "dataflow.neg": np.negative,
    "dataflow.abs": np.abs,
    "dataflow.add": np.add,
    "dataflow.sub": np.subtract,
    "dataflow.mul": np.multiply,
    "dataflow.max": np.maximum,
    "dataflow.mac": lambda a, b, s: a + b * s,
}
_COMPARE = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
_INDEX = {
    "arith.addi": lambda a, b: a + b,
    "arith.subi": lambda a, b: a - b,
    "arith.muli": lambda a, b: a * b,
    "arith.divui": lambda a, b: a // b,
    "arith.minsi": min,
    "arith.andi": lambda a, b: a & b,
    "arith.select": lambda c, a, b: a if c else b,
}
