"""Broadcast and all-reduce along an axis, and the order that keeps the buses clean.

The protocols and their proofs stand in docs/dialects/dataflow.md, "Channels".
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import arith
from xdsl.dialects.builtin import Float32Type, f32
from xdsl.ir import Attribute, Block, SSAValue

from pyflame.dialects.dataflow.attributes import Direction, Purpose
from pyflame.dialects.dataflow.communication import RecvOp, ReduceStepOp, SendOp
from pyflame.dialects.dataflow.compute import MapOp, YieldOp
from pyflame.dialects.dataflow.roles import CoordOp, FirstOp, LastOp
from pyflame.dialects.dataflow.types import view_type
from pyflame.dialects.dataflow.vector import AddOp, MaxOp, MulOp
from pyflame.dialects.mesh.attributes import Axis, Kind
from pyflame.lowering.mesh_to_dataflow import indexing
from pyflame.lowering.mesh_to_dataflow.emitter import AHEAD, Emitter
from pyflame.lowering.mesh_to_dataflow.indexing import Index
from pyflame.lowering.mesh_to_dataflow.tiles import Storage, Tile


class Buses:
    """Emits what moves along axes, and closes a sequence where the next could meet it."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._open: dict[Axis, Index] = {}
        self._token: Tile | None = None

    # sequences

    def broadcast(self, axis: Axis, owner: Index, send: SSAValue, receive: SSAValue) -> None:
        """The PE at `owner` gives the words of view `send` to all PEs of its line, itself included.

        First on the bus that leads back, to all before it; then on the bus ahead, to all after
        it. A bus on which nobody but the owner would listen stays silent.
        """
        self._prepare(axis, owner)
        ahead, back = AHEAD[axis], AHEAD[axis].opposite
        self._one_way(axis, owner, back, "sle", 0, send, receive)
        self._one_way(axis, owner, ahead, "sge", self._emitter.extent(axis) - 1, send, receive)
        self._open[axis] = owner

    def _one_way(
        self,
        axis: Axis,
        owner: Index,
        direction: Direction,
        side: str,
        silent: int,
        send: SSAValue,
        receive: SSAValue,
    ) -> None:
        """On one bus: PEs that stand `side` of the owner listen, unless the owner is `silent`."""
        emitter = self._emitter
        if owner == silent:
            return
        bus = emitter.bus(direction)

        def words() -> None:
            emitter.branch(self.stands_at(axis, owner), lambda: self._send(bus, send))
            emitter.builder.insert(RecvOp(receive, bus))

        if isinstance(owner, int) and owner in (0, emitter.extent(axis) - 1):
            words()  # the owner stands at the end: everybody listens
            return
        me = emitter.role(CoordOp, axis)
        listens = indexing.compare(emitter.builder, me, side, owner)
        if isinstance(owner, SSAValue):
            speaks = indexing.compare(emitter.builder, owner, "ne", silent)
            listens = emitter.builder.insert(arith.AndIOp(listens, speaks)).result
        emitter.branch(listens, words)

    def stands_at(self, axis: Axis, owner: Index) -> SSAValue:
        """Whether this PE is the owner."""
        emitter = self._emitter
        if owner == 0:
            return emitter.role(FirstOp, axis)
        if owner == emitter.extent(axis) - 1:
            return emitter.role(LastOp, axis)
        return indexing.compare(emitter.builder, emitter.role(CoordOp, axis), "eq", owner)

    def _send(self, bus: str, view: SSAValue) -> None:
        """Send on a bus; the last word that this PE hears of it ends the life of the send."""
        self._emitter.builder.insert(SendOp(view, bus, asynchronous=True))

    def _prepare(self, axis: Axis, owner: Index) -> None:
        """Close the open sequence unless its last owner surely comes no later than `owner`."""
        last = self._open.pop(axis, None)
        if last is None or last == 0 or last is owner:
            return
        if isinstance(last, int) and isinstance(owner, int) and last <= owner:
            return
        self._close(axis, last)

    def close(self, axis: Axis) -> None:
        """Leave the buses of `axis` clean for any owner."""
        self._prepare(axis, -1)

    def continue_from(self, axis: Axis, last: Index) -> None:
        """A loop over ascending owners has ended with owner `last`."""
        self._open[axis] = last

    def _close(self, axis: Axis, last: Index) -> None:
        emitter = self._emitter
        end = emitter.extent(axis) - 1
        if last == end:
            return
        if isinstance(last, int):
            self._closing_word(axis)
            return
        inner = indexing.compare(emitter.builder, last, "ne", 0)
        not_end = indexing.compare(emitter.builder, last, "ne", end)
        both = emitter.builder.insert(arith.AndIOp(inner, not_end)).result
        emitter.branch(both, lambda: self._closing_word(axis))

    def _closing_word(self, axis: Axis) -> None:
        emitter = self._emitter
        if self._token is None:
            buffer = emitter.buffer("closing_word", Purpose.TEMPORARY, (1,), f32)
            self._token = Tile(Storage(buffer), (1,), (1,))
        word = self._token.view(emitter.builder)
        bus = emitter.bus(AHEAD[axis].opposite)
        emitter.branch(emitter.role(LastOp, axis), lambda: self._send(bus, word))
        emitter.builder.insert(RecvOp(word, bus))

    # reductions

    def all_reduce(self, axis: Axis, kind: Kind, tile: Tile, scratch: Callable[[], Tile]) -> None:
        """Combine `tile` over all PEs of a line, in place on each.

        A chain leads toward position 0, a broadcast from there. Nobody leaves before all have
        entered, so the buses are clean before and after. `scratch` gives a tile to receive into
        where one DSD operation cannot combine.
        """
        emitter = self._emitter
        chain = emitter.chain(AHEAD[axis].opposite)
        self._open.pop(axis, None)

        view = tile.view(emitter.builder, tile.walk_order)
        added = kind is Kind.SUM and isinstance(tile.storage.element, Float32Type)
        other = None if added else scratch()

        def combine() -> None:
            if other is None:
                emitter.builder.insert(ReduceStepOp(view, chain))
                return
            arrived = other.view(emitter.builder, tile.walk_order)
            emitter.builder.insert(RecvOp(arrived, chain))
            combine_views(emitter, kind, view, arrived)

        def relay() -> None:
            if other is None:
                emitter.builder.insert(ReduceStepOp(view, chain, forward=True))
                return
            combine()
            emitter.builder.insert(SendOp(view, chain))

        def not_last() -> None:
            emitter.branch(emitter.role(FirstOp, axis), combine, relay)

        def as_last() -> None:
            emitter.builder.insert(SendOp(view, chain))

        emitter.branch(emitter.role(LastOp, axis), as_last, not_last)
        self.broadcast(axis, 0, view, view)
        self._open.pop(axis, None)


_DSD_COMBINES = {Kind.SUM: AddOp, Kind.PROD: MulOp, Kind.MAX: MaxOp}


def combine_views(emitter: Emitter, kind: Kind, into: SSAValue, other: SSAValue) -> None:
    """``into = into kind other``, element by element."""
    cls = _DSD_COMBINES.get(kind)
    if cls is not None:
        emitter.builder.insert(cls(into, into, other))
        return
    element = view_type(into).element
    emitter.builder.insert(MapOp(into, [into, other], _minimum_body(element)))


def _minimum_body(element: Attribute) -> Block:
    block = Block(arg_types=[element, element])
    a, b = block.args
    smaller = arith.MinimumfOp(a, b)
    block.add_ops([smaller, YieldOp(smaller.result)])
    return block
