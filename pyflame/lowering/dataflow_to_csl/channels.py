"""Channels as colours, queues and fabric DSDs."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import arith, csl
from xdsl.dialects.builtin import IntegerAttr, i16
from xdsl.ir import SSAValue

from pyflame.dialects.csl.declarations import GetIdOp
from pyflame.dialects.csl.dsd import FabDsdOp
from pyflame.dialects.csl.types import IdKind
from pyflame.dialects.dataflow.program import ChannelOp
from pyflame.dialects.dataflow.routes import Slots, recv_slots, send_slots
from pyflame.errors import Gap, ResourceError, UnsupportedError
from pyflame.lowering.dataflow_to_csl.context import PeContext
from pyflame.lowering.dataflow_to_csl.roles import Parameter, Place
from pyflame.lowering.dataflow_to_csl.views import Size, set_length


@dataclass(frozen=True)
class Port:
    """One end of a channel at a PE: the queue and the colour it is for."""

    channel: str
    queue: SSAValue
    color: SSAValue


def color(ctx: PeContext, number: int, hint: str) -> SSAValue:
    """Colour `number`, called `hint`."""
    value = ctx.constant(IntegerAttr(number, i16))
    return ctx.declare(
        ("color", number),
        lambda: csl.GetColorOp(value),  # type: ignore[arg-type]
        hint,
    )


def port(ctx: PeContext, channel: ChannelOp, kind: IdKind) -> Port:
    """The sending (output queue) or receiving (input queue) end of `channel`.

    Raises:
        ResourceError: colours and queues have not been allocated.
    """
    name = channel.sym_name.data
    sending = kind == IdKind.OUTPUT_QUEUE
    number = channel.output_queue if sending else channel.input_queue
    colors = channel.color_values
    if number is None or colors is None:
        raise ResourceError(
            f"channel @{name} has no {'colours' if colors is None else kind.value} yet; run "
            "dataflow-allocate-colors and dataflow-allocate-queues before convert-dataflow-to-csl"
        )
    slots = (send_slots if sending else recv_slots)(channel.routes.data)
    queue = number.value.data
    hint = f"{name}_{'out' if sending else 'in'}_queue"
    declared = ctx.declare(("queue", kind, queue), lambda: GetIdOp(kind, queue), hint)
    found = Port(name, declared, _color_of(ctx, channel, slots, colors, sending))
    known = ctx.ports.setdefault((kind, queue), found)
    # Where data tasks bind to colours (WSE-2), output queues are initialised without one: every
    # fabric DSD names its colour, so that a queue serves several channels in turn.
    in_turn = sending and not ctx.program.arch.data_tasks_by_queue
    if known.channel != name and not in_turn:
        raise UnsupportedError(
            Gap(
                f"{kind.value} {queue} for channels @{known.channel} and @{name}",
                why="a queue has one colour for the whole program",
            )
        )
    return found


def _color_of(
    ctx: PeContext, channel: ChannelOp, slots: Slots, colors: tuple[int, ...], sending: bool
) -> SSAValue:
    """The colour of the PE's end; a parameter where it depends on the PE's parity."""
    even = slots.even if slots.even is not None else slots.odd
    odd = slots.odd if slots.odd is not None else slots.even
    assert even is not None and odd is not None
    if even == odd:
        return color(ctx, colors[even], channel.sym_name.data)
    axis = channel.axis.data

    def value(at: Place) -> SSAValue:
        pair = [at.color(colors[slot]) for slot in (even, odd)]
        is_even = at.add(arith.CmpiOp(at.parity(axis), at.index(0), "eq"))
        return at.add(arith.SelectOp(is_even, *pair))

    name = f"{channel.sym_name.data}_{'send' if sending else 'recv'}"
    return ctx.parameters.get(Parameter(name, csl.ColorType(), value))


def fabric_dsd(ctx: PeContext, end: Port, kind: IdKind, sizes: tuple[Size, ...]) -> SSAValue:
    """A DSD over as many wavelets as a view of `sizes` has elements."""
    count, unknown = 1, []
    for size in sizes:
        if isinstance(size, int):
            count *= size
        else:
            unknown.append(size)
    extent = ctx.constant(IntegerAttr(count if not unknown else 1, i16))
    direction = "out" if kind == IdKind.OUTPUT_QUEUE else "in"
    dsd = ctx.declare(
        ("fabric", end.queue, end.color, extent),
        lambda: FabDsdOp(end.queue, end.color, extent),
        f"{end.channel}_{direction}",
    )
    if not unknown:
        return dsd
    total = ctx.index(count)
    for size in unknown:
        total = ctx.fold(arith.MuliOp(total, size), (total, size))[0] if count != 1 else size
        count = 0
    return set_length(ctx, dsd, total)
