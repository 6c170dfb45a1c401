"""Broadcast and all-reduce along an axis, and the order that keeps the buses clean.

The protocols and their proofs stand in docs/dialects/dataflow.md, "Channels".
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects import arith
from xdsl.dialects.builtin import Float32Type, f32
from xdsl.ir import Attribute, Block, SSAValue

from pyflame.dialects.dataflow.attributes import Purpose
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

Exchange = Callable[[str], None]
"""Sends the owner's words on a bus and hears them, word for word."""


class Buses:
    """Emits what moves along axes, and closes a sequence where the next could meet it."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._open: dict[Axis, Index] = {}
        self._token: Tile | None = None

    # sequences

    def broadcast(
        self, axis: Axis, owner: Index, exchange: Exchange, receive: Callable[[str], None]
    ) -> None:
        """The PE at `owner` gives its words to all PEs of its line.

        `exchange` is what the owner does on a bus, `receive` what the others do.
        """
        self._prepare(axis, owner)
        emitter, ahead = self._emitter, AHEAD[axis]
        last = emitter.extent(axis) - 1
        back = ahead.opposite
        if owner == 0:
            bus = emitter.bus(ahead)
            first = emitter.role(FirstOp, axis)
            emitter.branch(first, lambda: exchange(bus), lambda: receive(bus))
        elif owner == last:
            bus = emitter.bus(back)
            final = emitter.role(LastOp, axis)
            emitter.branch(final, lambda: exchange(bus), lambda: receive(bus))
        else:
            self._two_sided(axis, owner, exchange, receive)
        self._open[axis] = owner

    def _two_sided(
        self, axis: Axis, owner: Index, exchange: Exchange, receive: Callable[[str], None]
    ) -> None:
        emitter = self._emitter
        ahead, back = emitter.bus(AHEAD[axis]), emitter.bus(AHEAD[axis].opposite)
        me = emitter.role(CoordOp, axis)
        first, last = emitter.role(FirstOp, axis), emitter.role(LastOp, axis)

        def as_owner() -> None:
            emitter.branch(first, lambda: None, lambda: exchange(back))
            emitter.branch(last, lambda: None, lambda: exchange(ahead))

        def as_other() -> None:
            before = indexing.compare(emitter.builder, me, "slt", owner)
            emitter.branch(before, lambda: receive(back), lambda: receive(ahead))

        mine = indexing.compare(emitter.builder, me, "eq", owner)
        emitter.branch(mine, as_owner, as_other)

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

    def is_open(self, axis: Axis) -> bool:
        """Whether a sequence on `axis` has not been closed."""
        return axis in self._open

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
        token = self._token
        bus = emitter.bus(AHEAD[axis].opposite)
        emitter.branch(
            emitter.role(LastOp, axis),
            lambda: self.exchange(bus, token.view(emitter.builder), token.view(emitter.builder)),
            lambda: self.receive(bus, token.view(emitter.builder)),
        )

    # words

    def exchange(self, bus: str, send: SSAValue, receive: SSAValue) -> None:
        """Send on a bus and hear oneself; the last word heard ends the life of the send."""
        self._emitter.builder.insert(SendOp(send, bus, asynchronous=True))
        self._emitter.builder.insert(RecvOp(receive, bus))

    def receive(self, bus: str, view: SSAValue) -> None:
        """Receive from a bus."""
        self._emitter.builder.insert(RecvOp(view, bus))

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

        def view() -> SSAValue:
            return tile.view(emitter.builder, tile.walk_order)

        added = kind is Kind.SUM and isinstance(tile.storage.element, Float32Type)
        other = None if added else scratch()

        def combine() -> None:
            if other is None:
                emitter.builder.insert(ReduceStepOp(view(), chain))
                return
            arrived = other.view(emitter.builder, tile.walk_order)
            emitter.builder.insert(RecvOp(arrived, chain))
            combine_views(emitter, kind, view(), arrived)

        def relay() -> None:
            if other is None:
                emitter.builder.insert(ReduceStepOp(view(), chain, forward=True))
                return
            combine()
            emitter.builder.insert(SendOp(view(), chain))

        def not_last() -> None:
            emitter.branch(emitter.role(FirstOp, axis), combine, relay)

        def as_last() -> None:
            emitter.builder.insert(SendOp(view(), chain))

        emitter.branch(emitter.role(LastOp, axis), as_last, not_last)
        self.broadcast(
            axis,
            0,
            lambda bus: self.exchange(bus, view(), view()),
            lambda bus: self.receive(bus, view()),
        )
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
