"""Prove before printing that a program is legal; all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import lcm

from xdsl.context import Context
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from pyflame.dialects.dataflow.attributes import Direction, RouteAttr
from pyflame.dialects.dataflow.communication import ChannelUseOp, RecvOp, SendOp
from pyflame.dialects.dataflow.compute import MapOp, MatmulOp
from pyflame.dialects.dataflow.program import ChannelOp, FinishOp, ProgramOp, TaskOp, programs
from pyflame.dialects.dataflow.roles import RoleOp, ValidOp
from pyflame.dialects.dataflow.types import MAX_RANK, ViewType, view_type
from pyflame.dialects.dataflow.vector import VectorOp, ViewOp
from pyflame.errors import VerifyError
from pyflame.passes.dataflow_allocate_queues import channel_uses

RAMP = Direction.RAMP


def check(program: ProgramOp) -> list[str]:
    """Everything that is wrong with `program`, one sentence each."""
    return [problem for rule in RULES for problem in rule(program)]


# routes


def check_routes(program: ProgramOp) -> Iterator[str]:
    """Every wavelet that leaves a router arrives at a route, and comes from one."""
    for channel in program.channels:
        extent = program.extent(channel.axis.data)
        routes = _by_place(channel)
        for (slot, position), here in sorted(routes.items(), key=lambda item: item[0]):
            where = f"channel {channel.sym_name.data}, slot {slot}, position {position}"
            if len(here) > 1:
                yield f"{where}: has {len(here)} routes, expected one"
            if not 0 <= position < extent:
                yield f"{where}: lies outside of the line of {extent} PEs"
            yield from _check_links(channel, slot, position, here[0], where)
        if _turns_round(routes):
            name = channel.sym_name.data
            yield f"channel {name}: a route sends wavelets back where they came from"


_Routes = dict[tuple[int, int], list[RouteAttr]]


def _by_place(channel: ChannelOp) -> _Routes:
    """The routes at every position that differs from its neighbours'.

    Between the ends of the routes' ranges everything repeats with the least common multiple of
    their steps, so that two periods on either side of every end stand for all.
    """
    near = 2 * lcm(*(r.step.data for r in channel.routes))
    ends = {e for r in channel.routes for e in (r.start.data, r.stop.data)}
    found: _Routes = {}
    for position in sorted({e + d for e in ends for d in range(-near, near + 1)}):
        for route in channel.routes:
            if position in route.positions:
                found.setdefault((route.slot.data, position), []).append(route)
    return found


def _routes_at(channel: ChannelOp, slot: int, position: int) -> list[RouteAttr]:
    return [r for r in channel.routes if r.slot.data == slot and position in r.positions]


def _check_links(
    channel: ChannelOp, slot: int, position: int, route: RouteAttr, where: str
) -> Iterator[str]:
    axis = channel.axis.data
    for side, directions in (("rx", route.rx_values), ("tx", route.tx_values)):
        for direction in directions:
            if direction is RAMP:
                continue
            if direction.axis is not axis:
                yield f"{where}: {side} {direction.value} leaves the axis {axis.value}"
                continue
            other = _routes_at(channel, slot, position + direction.step)
            answers = [r.rx_values if side == "tx" else r.tx_values for r in other]
            if not any(direction.opposite in a for a in answers):
                verb = "takes from" if side == "tx" else "sends to"
                yield (
                    f"{where}: {side} {direction.value}, but position "
                    f"{position + direction.step} {verb} no {direction.opposite.value}"
                )


def _turns_round(routes: _Routes) -> bool:
    """Whether some router sends wavelets back where they came from."""
    return any(
        direction is not RAMP and direction in route.rx_values
        for here in routes.values()
        for route in here
        for direction in route.tx_values
    )


# channels and their use


def check_ends(program: ProgramOp) -> Iterator[str]:
    """Every channel is sent on and received from."""
    uses = channel_uses(program)
    for channel in program.channels:
        name = channel.sym_name.data
        if name not in uses.sending:
            yield f"channel {name} has no producer: nothing sends on it"
        if name not in uses.receiving:
            yield f"channel {name} has no consumer: nothing receives from it"


def check_sends(program: ProgramOp) -> Iterator[str]:
    """A PE that hears itself sends asynchronously and receives its own words at once.

    Otherwise its words fill its own input queue and it stands still. Where a router takes
    wavelets from two sides, hearing the last word is also what proves it clean.
    """
    for op in program.walk():
        if not isinstance(op, SendOp) or not _hears_itself(op.channel_op):
            continue
        name, following = op.channel.string_value(), op.next_op
        if op.asynchronous is None:
            yield f"a synchronous send on {name}, whose sender hears itself, never ends"
        elif not _receives_back(op, following):
            yield (
                f"a send on {name} is not followed by a receive of as many elements from it, "
                "but its sender hears itself"
            )


def _hears_itself(channel: ChannelOp) -> bool:
    return any(RAMP in r.rx_values and RAMP in r.tx_values for r in channel.routes)


def _receives_back(send: SendOp, op: Operation | None) -> bool:
    """Whether the next thing that happens after `send` is the receive of as many elements.

    `op` follows the send; where a branch ends, what follows the branch is next.
    """
    while op is not None and not isinstance(op, ChannelUseOp | VectorOp | MapOp | MatmulOp):
        parent = op.parent_op()
        leaves = isinstance(op, scf.YieldOp) and isinstance(parent, scf.IfOp)
        op = parent.next_op if leaves and parent is not None else op.next_op
    return isinstance(op, RecvOp) and op.channel == send.channel and _same_count(send.view, op.view)


def _same_count(a: SSAValue, b: SSAValue) -> bool:
    """Whether two views walk equally many elements, as far as is known."""
    return view_type(a).num_elements == view_type(b).num_elements


# resources


def check_colors(program: ProgramOp) -> Iterator[str]:
    """Every channel has colours, legal ones, its own."""
    holder: dict[int, str] = {}
    for channel in program.channels:
        name = channel.sym_name.data
        if channel.color_values is None:
            yield f"channel {name} has no colours: run dataflow-allocate-colors"
        for color in channel.color_values or ():
            if color not in program.arch.user_colors:
                yield f"channel {name} has colour {color}, which no program may use"
            if color in holder:
                yield f"channels {holder[color]} and {name} both have colour {color}"
            holder[color] = name


def check_queues(program: ProgramOp) -> Iterator[str]:
    """Every channel in use has legal queues; what shares a queue is never live at once."""
    uses, arch = channel_uses(program), program.arch
    sides = (
        ("input", uses.receiving, arch.user_input_queues, False),
        ("output", uses.sending, arch.user_output_queues, not arch.data_tasks_by_queue),
    )
    for side, names, legal, sharing in sides:
        holder: dict[int, str] = {}
        for name in names:
            channel = program.channel(name)
            attribute = getattr(channel, f"{side}_queue")
            if attribute is None:
                yield f"channel {name} has no {side} queue: run dataflow-allocate-queues"
                continue
            queue = attribute.value.data
            if queue not in legal:
                yield f"channel {name} has {side} queue {queue}, which no program may use"
            other = holder.setdefault(queue, name)
            if other != name and (not sharing or uses.detached & {other, name}):
                yield f"channels {other} and {name} are live at once on {side} queue {queue}"


def check_tasks(program: ProgramOp) -> Iterator[str]:
    """Every task has a legal id of its own, and something activates it."""
    activated = {
        op.activate.string_value()
        for op in program.walk()
        if isinstance(op, SendOp) and op.activate is not None
    }
    holder: dict[int, str] = {}
    for task in program.tasks:
        name = task.sym_name.data
        if name not in activated:
            yield f"nothing activates task {name}"
        if task.id is None:
            yield f"task {name} has no id: run dataflow-allocate-tasks"
            continue
        number = task.id.value.data
        if number not in program.arch.user_local_tasks:
            yield f"task {name} has id {number}, which no program may use"
        if number in holder:
            yield f"tasks {holder[number]} and {name} both have id {number}"
        holder[number] = name


def check_memory(program: ProgramOp) -> Iterator[str]:
    """Buffers have places that do not overlap, within user memory."""
    spans: list[tuple[int, int, str]] = []
    for buffer in program.buffers:
        name = buffer.sym_name.data
        if buffer.address is None:
            yield f"buffer {name} has no address: run dataflow-allocate-memory"
            continue
        start = buffer.address.value.data
        spans.append((start, start + buffer.num_bytes, name))
    spans.sort()
    for (_, end, name), (start, _, other) in pairwise(spans):
        if start < end:
            yield f"buffers {name} and {other} overlap at byte {start}"
    arch = program.arch
    available = arch.memory_bytes - arch.runtime_reserve_bytes
    if spans and max(end for _, end, _ in spans) > available:
        yield f"buffers reach byte {max(end for _, end, _ in spans)}, every PE has {available}"


# the program


def check_finish(program: ProgramOp) -> Iterator[str]:
    """Exactly one finish ends the program."""
    found = [op for op in program.walk() if isinstance(op, FinishOp)]
    if len(found) != 1:
        yield f"program has {len(found)} dataflow.finish, expected one"
    for op in found:
        parent = op.parent_op()
        if not isinstance(parent, ProgramOp | TaskOp) or _followed(op):
            yield "dataflow.finish must be the last op of the program or of a task"


def _followed(op: Operation) -> bool:
    return op.next_op is not None and not isinstance(op.next_op, TaskOp)


def check_views(program: ProgramOp) -> Iterator[str]:
    """What a descriptor can walk: few dimensions, sizes fixed by the layout, never empty."""
    most = program.arch.max_extent - 1
    for op in program.walk():
        if not isinstance(op, ViewOp):
            continue
        name = getattr(op.buffer.owner, "sym_name", None)
        what = f"view of buffer {name.data if name is not None else '?'}"
        type = op.type
        if type.collapsed().rank > MAX_RANK:
            yield f"{what} has {type.collapsed().rank} dimensions, expected at most {MAX_RANK}"
        count = type.num_elements
        if count is not None and count > most:
            yield f"{what} walks {count} elements, expected at most {most}"
        yield from _check_sizes(op, type, what)


def _check_sizes(op: ViewOp, type: ViewType, what: str) -> Iterator[str]:
    users = [use.operation for use in op.result.uses]
    walked = [user for user in users if user.name != "dataflow.matmul"]
    if not walked:
        return  # a matmul walks its vectors one by one, and no vectors if there are none
    for size in op.sizes:
        if type.rank > 1 and not isinstance(size.owner, RoleOp):
            yield (
                f"{what} has {type.rank} dimensions and a size from "
                f"{_source(size)}; only the layout's roles may give it"
            )
        if isinstance(size.owner, ValidOp) and _may_be_empty(op, size.owner):
            for user in walked:
                if not _is_guarded(user, size):
                    yield f"{what} may be empty on some PE, but no scf.if guards {user.name}"


def _source(value: SSAValue) -> str:
    return value.owner.name if isinstance(value.owner, Operation) else "a loop"


def _may_be_empty(op: ViewOp, role: ValidOp) -> bool:
    parent = op.parent_op()
    while parent is not None and not isinstance(parent, ProgramOp):
        parent = parent.parent_op()
    assert parent is not None
    extent = parent.extent(role.axis.data)
    return role.value_at(extent - 1, extent) == 0


def _is_guarded(op: Operation, size: SSAValue) -> bool:
    """Whether `op` runs only if `size` is above 0."""
    inner, parent = op, op.parent_op()
    while parent is not None:
        if (
            isinstance(parent, scf.IfOp)
            and inner.parent is parent.true_region.block
            and _says_positive(parent.cond, size)
        ):
            return True
        inner, parent = parent, parent.parent_op()
    return False


def _says_positive(condition: SSAValue, size: SSAValue) -> bool:
    op = condition.owner
    if not isinstance(op, arith.CmpiOp) or op.lhs is not size:
        return False
    bound = op.rhs.owner
    return (
        isinstance(bound, arith.ConstantOp)
        and isinstance(bound.value, IntegerAttr)
        and bound.value.value.data == 0
        and op.predicate.value.data in _ABOVE
    )


_ABOVE = (1, 4, 8)
"""Predicates of arith.cmpi that make ``n ? 0`` say that a size is positive: ne, sgt, ugt."""


def check_uses(program: ProgramOp) -> Iterator[str]:
    """Tokens have been lowered."""
    for op in program.walk():
        if isinstance(op, SendOp) and op.token is not None:
            yield f"a send on {op.channel.string_value()} has a token: run dataflow-lower-tokens"
        if isinstance(op, ChannelUseOp) and view_type(op.view).repeats and isinstance(op, RecvOp):
            yield f"a receive from {op.channel.string_value()} writes an element twice"


Rule = Callable[[ProgramOp], Iterator[str]]

RULES: tuple[Rule, ...] = (
    check_routes,
    check_ends,
    check_sends,
    check_colors,
    check_queues,
    check_tasks,
    check_memory,
    check_finish,
    check_views,
    check_uses,
)
"""The legality of a program that is ready to be printed."""


@dataclass(frozen=True)
class CheckPass(ModulePass):
    """Refuse a program that breaks a rule of the machine, before it is printed."""

    name = "dataflow-check"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Check every program of `op`.

        Raises:
            VerifyError: with everything that is wrong.
        """
        for program in programs(op):
            problems = check(program)
            if problems:
                lines = "\n".join(f"  - {problem}" for problem in problems)
                raise VerifyError(f"program {program.sym_name.data} is not legal:\n{lines}")
