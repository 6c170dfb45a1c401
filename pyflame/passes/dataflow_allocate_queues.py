"""Give every channel an input queue and an output queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from pyflame.arch import TARGETS
from pyflame.dialects.dataflow.communication import (
    ChannelUseOp,
    RecvOp,
    ReduceStepOp,
    SendOp,
)
from pyflame.dialects.dataflow.program import ProgramOp, programs
from pyflame.errors import ResourceError


@dataclass(frozen=True)
class Uses:
    """The channels, in order of declaration, that receive, that send, and that send detached.

    A *detached* send may still be under way when the program sends on another channel: its
    completion is a token or a task.
    """

    receiving: tuple[str, ...]
    sending: tuple[str, ...]
    detached: frozenset[str]


def channel_uses(program: ProgramOp) -> Uses:
    """How the program uses its channels."""
    receiving: set[str] = set()
    sending: set[str] = set()
    detached: set[str] = set()
    for op in program.walk():
        if not isinstance(op, ChannelUseOp):
            continue
        name = op.channel.string_value()
        if isinstance(op, RecvOp | ReduceStepOp):
            receiving.add(name)
        if isinstance(op, SendOp) or (isinstance(op, ReduceStepOp) and op.forward is not None):
            sending.add(name)
        if isinstance(op, SendOp) and (op.token is not None or op.activate is not None):
            detached.add(name)
    order = [channel.sym_name.data for channel in program.channels]
    return Uses(
        tuple(n for n in order if n in receiving),
        tuple(n for n in order if n in sending),
        frozenset(detached),
    )


def allocate_queues(program: ProgramOp) -> None:
    """Give each receiving channel an input queue, each sending channel an output queue.

    An input queue takes one colour. So does an output queue of WSE-3; on WSE-2 an output queue
    may serve several channels in turn, but not one with a detached send. Queues that programs may
    use on every architecture go first, so that small programs run on all; then deeper ones.

    Raises:
        ResourceError: there are more channels than queues.
    """
    arch, uses = program.arch, channel_uses(program)
    every = TARGETS.values()
    inputs = _ranked(
        arch.user_input_queues, arch.input_queue_depths, [a.user_input_queues for a in every]
    )
    outputs = _ranked(
        arch.user_output_queues, arch.output_queue_depths, [a.user_output_queues for a in every]
    )
    if len(uses.receiving) > len(inputs):
        raise ResourceError(_message(program, "input", uses.receiving, inputs))
    sharing = not arch.data_tasks_by_queue
    needed = len(uses.detached) + 1 if sharing else len(uses.sending)
    if len(uses.sending) > len(outputs) and needed > len(outputs):
        raise ResourceError(_message(program, "output", uses.sending, outputs))
    for name, queue in zip(uses.receiving, inputs, strict=False):
        channel = program.channel(name)
        assert channel is not None
        channel.input_queue = IntegerAttr(queue, i64)
    for name, queue in _spread(uses, outputs).items():
        channel = program.channel(name)
        assert channel is not None
        channel.output_queue = IntegerAttr(queue, i64)


def _spread(uses: Uses, queues: Sequence[int]) -> dict[str, int]:
    """A queue for each sending channel: its own while there are enough, then shared in turn."""
    if len(uses.sending) <= len(queues):
        return dict(zip(uses.sending, queues, strict=False))
    alone = [n for n in uses.sending if n in uses.detached]
    others = [n for n in uses.sending if n not in uses.detached]
    shared = queues[: len(queues) - len(alone)]
    placed = {name: shared[i % len(shared)] for i, name in enumerate(others)}
    return placed | dict(zip(alone, queues[len(shared) :], strict=True))


def _ranked(
    queues: Sequence[int], depths: Sequence[int], everywhere: Sequence[Sequence[int]]
) -> list[int]:
    def rank(queue: int) -> tuple[bool, int, int]:
        return not all(queue in known for known in everywhere), -depths[queue], queue

    return sorted(queues, key=rank)


def _message(program: ProgramOp, kind: str, channels: Sequence[str], queues: Sequence[int]) -> str:
    return (
        f"program {program.sym_name.data} needs {len(channels)} {kind} queues, "
        f"{program.target.data} leaves {len(queues)} to programs: "
        f"{', '.join(channels)}.\nUse fewer kinds of movement, or split the program."
    )


@dataclass(frozen=True)
class AllocateQueuesPass(ModulePass):
    """Give every channel an input queue and an output queue."""

    name = "dataflow-allocate-queues"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Allocate in every program of `op`."""
        for program in programs(op):
            allocate_queues(program)
