"""Run the traffic of a program on its whole rectangle, and prove it free of races and deadlock.

Only control and communication are run: every PE's index arithmetic, branches and loops are
evaluated, its sends and receives become *events* with vector clocks. The check is exact for the
rectangle at hand, so that the protocols (docs/dialects/dataflow.md) can be tested exhaustively
on small ones:

* *no deadlock*: with no buffering at all for synchronous sends, everybody comes to the end;
* *nothing left*: every word that was delivered was received;
* *no race*: where a router takes wavelets of one colour from two sides, any two messages that
  meet there are ordered: a word of the earlier one that has passed the router has been received
  by a PE before (happens-before) the later one is sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from pyflame.dialects.dataflow.attributes import Direction
from pyflame.dialects.dataflow.communication import ChannelUseOp, ReduceStepOp, SendOp
from pyflame.dialects.dataflow.program import ChannelOp, PhaseOp, ProgramOp, programs
from pyflame.dialects.dataflow.roles import RoleOp
from pyflame.dialects.dataflow.routes import recv_slot, send_slot
from pyflame.dialects.dataflow.types import DYNAMIC, view_type
from pyflame.dialects.dataflow.vector import ViewOp
from pyflame.errors import LimitError, VerifyError
from pyflame.layout import COLS

Place = tuple[int, int]
"""(row, col) of a PE."""

Clock = tuple[int, ...]
"""For every PE the number of its events that are known to have happened."""


@dataclass(eq=False)
class Message:
    """Words that one send puts on a channel. `heard` maps a PE to the event in which it received
    the last of them."""

    channel: str
    slot: int
    sender: Place
    words: int
    sent: Clock = ()
    route: tuple[tuple[Place, Direction], ...] = ()
    listeners: tuple[Place, ...] = ()
    heard: dict[Place, int] = field(default_factory=dict)


@dataclass
class Inbox:
    """Messages on their way to one PE on one channel, each with the words not yet received."""

    waiting: deque[list] = field(default_factory=deque)

    @property
    def words(self) -> int:
        """Words that can be received now."""
        return sum(left for _, left in self.waiting)


Event = tuple[ChannelUseOp, int]
"""An op that moves words, and how many."""


class Traffic:
    """The rectangle at work."""

    def __init__(self, program: ProgramOp) -> None:
        self.program = program
        rows, cols = program.rectangle
        self.places = [(r, c) for r in range(rows) for c in range(cols)]
        self._number = {place: i for i, place in enumerate(self.places)}
        self._channels = {c.sym_name.data: c for c in program.channels}
        self._clocks = {place: [0] * len(self.places) for place in self.places}
        self._inboxes: dict[tuple[str, Place], Inbox] = {}
        self._pending: dict[Place, Message] = {}
        self._moved = 0
        self.messages: list[Message] = []

    def run(self) -> list[str]:
        """Let every PE go on while any can; what is wrong in the end, one sentence each."""
        programs = {place: _events(self.program, place) for place in self.places}
        ahead = {place: next(events, None) for place, events in programs.items()}
        moved = -1
        while moved != self._moved:
            moved = self._moved
            for place in self.places:
                while (event := ahead[place]) is not None and self._step(place, event):
                    ahead[place] = next(programs[place], None)
        stuck = [
            f"PE {place} waits in {event[0].name} of {event[1]} words on "
            f"{event[0].channel.string_value()}"
            for place, event in ahead.items()
            if event is not None
        ]
        if stuck:
            return [f"deadlock: {line}" for line in stuck]
        return [*self._left_over(), *self._races()]

    # events

    def _step(self, place: Place, event: Event) -> bool:
        """Carry out an event if it can be; whether it was."""
        op, words = event
        if isinstance(op, SendOp) or place in self._pending:
            return self._send(place, op, words)
        inbox = self._inbox(op, place)
        if inbox.words < words:
            return False
        self._receive(place, inbox, words)
        if isinstance(op, ReduceStepOp) and op.forward is not None:
            return self._send(place, op, words)
        return True

    def _send(self, place: Place, op: ChannelUseOp, words: int) -> bool:
        """Emit once; a synchronous send then waits until everybody has received it."""
        message = self._pending.pop(place, None)
        if message is None:
            message = self._emit(place, op, words)
        detached = isinstance(op, SendOp) and op.asynchronous is not None
        if detached or set(message.listeners) <= message.heard.keys():
            return True
        self._pending[place] = message
        return False

    def _emit(self, place: Place, op: ChannelUseOp, words: int) -> Message:
        channel = self._channels[op.channel.string_value()]
        position = self._position(channel, place)
        slot = send_slot(channel.routes.data, position)
        if slot is None:
            raise VerifyError(f"PE {place} sends on {channel.sym_name.data}, where it has no route")
        self._tick(place)
        self._moved += 1
        message = Message(channel.sym_name.data, slot, place, words, tuple(self._clocks[place]))
        self._deliver(channel, message)
        self.messages.append(message)
        return message

    def _deliver(self, channel: ChannelOp, message: Message) -> None:
        """Walk the routes from the sender: record every router passed, fill every inbox."""
        passed: list[tuple[Place, Direction]] = []
        listeners: list[Place] = []
        front = [(message.sender, Direction.RAMP)]
        routes = {(r.slot.data, p): r for r in channel.routes for p in r.positions}
        while front:
            place, came_from = front.pop()
            passed.append((place, came_from))
            route = routes[message.slot, self._position(channel, place)]
            for direction in route.tx_values:
                if direction is Direction.RAMP:
                    listeners.append(place)
                    key = message.channel, place
                    box = self._inboxes.setdefault(key, Inbox())
                    box.waiting.append([message, message.words])
                else:
                    front.append((self._neighbour(channel, place, direction), direction.opposite))
        message.route, message.listeners = tuple(passed), tuple(listeners)

    def _receive(self, place: Place, inbox: Inbox, words: int) -> None:
        known = self._clocks[place]
        done: list[Message] = []
        while words:
            entry = inbox.waiting[0]
            taken = min(words, entry[1])
            words -= taken
            entry[1] -= taken
            known[:] = [max(a, b) for a, b in zip(known, entry[0].sent, strict=True)]
            if entry[1] == 0:
                done.append(entry[0])
                inbox.waiting.popleft()
        self._tick(place)
        self._moved += 1
        for message in done:
            message.heard[place] = known[self._number[place]]

    def _tick(self, place: Place) -> None:
        self._clocks[place][self._number[place]] += 1

    # places

    def _inbox(self, op: ChannelUseOp, place: Place) -> Inbox:
        channel = self._channels[op.channel.string_value()]
        if recv_slot(channel.routes.data, self._position(channel, place)) is None:
            raise VerifyError(
                f"PE {place} receives from {channel.sym_name.data}, where it has no route"
            )
        return self._inboxes.setdefault((channel.sym_name.data, place), Inbox())

    @staticmethod
    def _position(channel: ChannelOp, place: Place) -> int:
        return place[channel.axis.data.number]

    @staticmethod
    def _neighbour(channel: ChannelOp, place: Place, direction: Direction) -> Place:
        row, col = place
        if channel.axis.data.number == COLS:
            return row, col + direction.step
        return row + direction.step, col

    # verdicts

    def _left_over(self) -> Iterator[str]:
        for (name, place), inbox in self._inboxes.items():
            if inbox.words:
                yield f"{inbox.words} words on {name} at PE {place} are never received"

    def _races(self) -> Iterator[str]:
        meeting: dict[tuple[str, int, Place], list[tuple[Message, Direction]]] = {}
        for message in self.messages:
            for place, came_from in message.route:
                key = message.channel, message.slot, place
                meeting.setdefault(key, []).append((message, came_from))
        for (name, _, place), here in meeting.items():
            for i, (a, from_a) in enumerate(here):
                for b, from_b in here[i + 1 :]:
                    if from_a is not from_b and not self._ordered(a, b, place):
                        yield (
                            f"race on {name} at PE {place}: words of PE {a.sender} and of PE "
                            f"{b.sender} may arrive at once, from {from_a.value} and {from_b.value}"
                        )

    def _ordered(self, a: Message, b: Message, place: Place) -> bool:
        return self._passed_before(a, b, place) or self._passed_before(b, a, place)

    def _passed_before(self, a: Message, b: Message, place: Place) -> bool:
        """Whether all of `a` has left the router at `place` before any of `b` is sent."""
        places = [p for p, _ in a.route]
        beyond = places[places.index(place) :]
        return any(p in a.heard and b.sent[self._number[p]] >= a.heard[p] for p in beyond)


# one PE's control flow


def _events(program: ProgramOp, place: Place) -> Iterator[Event]:
    """What the PE at `place` sends and receives, in order."""
    return _run_block(program.body.block, _Scope(program, place, {}))


@dataclass
class _Scope:
    program: ProgramOp
    place: Place
    values: dict[SSAValue, int]


def _run_block(block: Block, scope: _Scope) -> Iterator[Event]:
    for op in block.ops:
        if isinstance(op, PhaseOp):
            yield from _run_block(op.body.block, scope)
        elif isinstance(op, scf.ForOp):
            yield from _run_for(op, scope)
        elif isinstance(op, scf.IfOp):
            yield from _run_if(op, scope)
        elif isinstance(op, ChannelUseOp):
            yield op, _words(op.view, scope)
        else:
            _evaluate(op, scope)


def _run_for(op: scf.ForOp, scope: _Scope) -> Iterator[Event]:
    values = scope.values
    carried = [values[v] for v in op.iter_args]
    for i in range(values[op.lb], values[op.ub], values[op.step]):
        for arg, value in zip(op.body.block.args, [i, *carried], strict=True):
            values[arg] = value
        yield from _run_block(op.body.block, scope)
        last = op.body.block.last_op
        assert isinstance(last, scf.YieldOp)
        carried = [values[v] for v in last.arguments]
    for result, value in zip(op.res, carried, strict=True):
        values[result] = value


def _run_if(op: scf.IfOp, scope: _Scope) -> Iterator[Event]:
    region = op.true_region if scope.values[op.cond] else op.false_region
    if region.blocks:
        yield from _run_block(region.block, scope)


def _words(view: SSAValue, scope: _Scope) -> int:
    op = view.owner
    assert isinstance(op, ViewOp)
    unknown = iter(op.sizes)
    total = 1
    for n in view_type(view).sizes:
        total *= scope.values[next(unknown)] if n == DYNAMIC else n
    return total


_COMPARE: dict[int, Callable[[int, int], bool]] = {
    0: lambda a, b: a == b,
    1: lambda a, b: a != b,
    2: lambda a, b: a < b,
    3: lambda a, b: a <= b,
    4: lambda a, b: a > b,
    5: lambda a, b: a >= b,
}

_ARITHMETIC: dict[type[Operation], Callable[..., int]] = {
    arith.AddiOp: lambda a, b: a + b,
    arith.SubiOp: lambda a, b: a - b,
    arith.MuliOp: lambda a, b: a * b,
    arith.DivUIOp: lambda a, b: a // b,
    arith.MinSIOp: min,
    arith.AndIOp: lambda a, b: a & b,
    arith.SelectOp: lambda c, a, b: a if c else b,
}


def _evaluate(op: Operation, scope: _Scope) -> None:
    values = scope.values
    if isinstance(op, RoleOp):
        axis = op.axis.data
        extent = scope.program.extent(axis)
        values[op.results[0]] = op.value_at(scope.place[axis.number], extent)
    elif isinstance(op, arith.ConstantOp) and isinstance(op.value, IntegerAttr):
        values[op.result] = op.value.value.data
    elif isinstance(op, arith.CmpiOp):
        holds = _COMPARE[op.predicate.value.data](values[op.lhs], values[op.rhs])
        values[op.result] = int(holds)
    elif type(op) in _ARITHMETIC:
        values[op.results[0]] = _ARITHMETIC[type(op)](*(values[v] for v in op.operands))


MOST_PES = 64
"""Rectangles up to this size are checked; the cost grows with its square."""


def check_traffic(program: ProgramOp) -> list[str]:
    """Everything that is wrong with the traffic of `program`, one sentence each.

    Raises:
        LimitError: the rectangle has more than `MOST_PES` PEs.
    """
    rows, cols = program.rectangle
    if rows * cols > MOST_PES:
        raise LimitError(
            f"traffic of a {rows}×{cols} rectangle: expected at most {MOST_PES} PEs; "
            "compile the same program for a smaller rectangle to check it"
        )
    return Traffic(program).run()


@dataclass(frozen=True)
class CheckTrafficPass(ModulePass):
    """Refuse a program whose PEs deadlock, lose words or race, on its whole (small) rectangle."""

    name = "dataflow-check-traffic"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Check every program of `op`.

        Raises:
            VerifyError: with everything that is wrong.
        """
        for program in programs(op):
            problems = check_traffic(program)
            if problems:
                lines = "\n".join(f"  - {problem}" for problem in problems)
                raise VerifyError(f"program {program.sym_name.data} cannot run:\n{lines}")
