"""Completion tokens become nothing, or tasks.

A token whose send this PE itself hears is implied by that receive: the words come back through
the router only after they have left the core. Any other `await` splits the program: what follows
it becomes a task that the completion of the send activates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import is_side_effect_free

from pyflame.dialects.dataflow.communication import AwaitOp, RecvOp, SendOp
from pyflame.dialects.dataflow.program import PhaseOp, ProgramOp, TaskOp, programs
from pyflame.dialects.dataflow.types import view_type
from pyflame.errors import Gap, UnsupportedError


def lower_tokens(program: ProgramOp) -> None:
    """Remove every token of `program`.

    Raises:
        UnsupportedError: an await within a loop or branch that no receive implies.
    """
    awaits = [op for op in program.walk() if isinstance(op, AwaitOp)]
    kept = [op for op in awaits if not _is_implied(op)]
    gaps = [gap for op in kept for gap in _gaps(op, f"program {program.sym_name.data!r}")]
    if gaps:
        raise UnsupportedError(
            gaps, "Await a send in the program's main sequence, or send synchronously."
        )
    for op in awaits:
        if op not in kept:
            Rewriter.erase_op(op)
    for number, op in enumerate(kept):
        _split(program, op, f"after_send_{number}")
    for op in list(program.walk()):
        if isinstance(op, SendOp) and op.token is not None:
            _without_token(op)


def _is_implied(op: AwaitOp) -> bool:
    """Whether between the send and the await this PE receives as many words on its channel."""
    send = op.token.owner
    assert isinstance(send, SendOp)
    if send.parent is not op.parent:
        return False
    current = send.next_op
    while current is not None and current is not op:
        if (
            isinstance(current, RecvOp)
            and current.channel == send.channel
            and view_type(current.view).num_elements == view_type(send.view).num_elements
            and view_type(send.view).num_elements is not None
        ):
            return True
        current = current.next_op
    return False


def _gaps(op: AwaitOp, where: str) -> Iterator[Gap]:
    parent = op.parent_op()
    send = op.token.owner
    if not isinstance(parent, PhaseOp | ProgramOp | TaskOp) or send.parent_op() not in (
        parent,
        parent.parent_op(),
    ):
        inside = parent.name if parent is not None else "nothing"
        yield Gap(f"dataflow.await inside {inside}", where, "it would split the program")


def _split(program: ProgramOp, op: AwaitOp, name: str) -> None:
    """Move all that follows `op` into a task that its send activates."""
    send = op.token.owner
    assert isinstance(send, SendOp)
    block = Block()
    parent = op.parent_op()
    assert parent is not None
    rest = _following(op)
    if isinstance(parent, PhaseOp):
        later = _following(parent)
        if rest:
            part = Block()
            _move(rest, part, op)
            block.add_op(PhaseOp(parent.label.data, part))
        _move(later, block, op)
        anchor: Operation = parent
    else:
        _move(rest, block, op)
        anchor = op
    top = anchor.parent_op()
    task = TaskOp(name, block)
    if isinstance(top, TaskOp):
        Rewriter.insert_op(task, InsertPoint.after(top))
    else:
        program.body.block.add_op(task)
    Rewriter.erase_op(op)
    send.activate = SymbolRefAttr(name)


def _following(op: Operation) -> list[Operation]:
    """The ops after `op` in its block; tasks stay where they are."""
    found: list[Operation] = []
    current = op.next_op
    while current is not None:
        if not isinstance(current, TaskOp):
            found.append(current)
        current = current.next_op
    return found


def _move(ops: Sequence[Operation], to: Block, place: Operation) -> None:
    """Move `ops` to the end of `to`, with copies of the pure values they use from before."""
    source = ops[0].parent if ops else None
    for op in ops:
        op.detach()
    copies: dict[SSAValue, SSAValue] = {}
    for op in ops:
        _bring(op, to, source, copies, place)
        to.add_op(op)


def _bring(
    op: Operation,
    to: Block,
    source: Block | None,
    copies: dict[SSAValue, SSAValue],
    place: Operation,
) -> None:
    for inner in op.walk():
        for index, operand in enumerate(inner.operands):
            if isinstance(operand.owner, Block) or operand.owner.parent is not source:
                continue
            if source is not None and isinstance(source.parent_op(), ProgramOp):
                continue  # a declaration: every task sees it
            inner.operands[index] = _copied(operand, to, source, copies, place)


def _copied(
    value: SSAValue,
    to: Block,
    source: Block | None,
    copies: dict[SSAValue, SSAValue],
    place: Operation,
) -> SSAValue:
    if value not in copies:
        owner = value.owner
        assert isinstance(owner, Operation)
        if not is_side_effect_free(owner):
            raise UnsupportedError(
                Gap(f"{owner.name} before an await, used after it", str(place.location))
            )
        clone = owner.clone()
        _bring(clone, to, source, copies, place)
        to.add_op(clone)
        copies.update(zip(owner.results, clone.results, strict=True))
    return copies[value]


def _without_token(op: SendOp) -> None:
    """Rebuild a send without its token, which nothing uses any more."""
    if op.token is not None and op.token.uses:
        raise UnsupportedError(Gap(f"token of {op.name} with a use other than dataflow.await"))
    plain = SendOp(op.view, op.channel.string_value(), asynchronous=True)
    plain.activate = op.activate
    Rewriter.replace_op(op, plain, [None])


@dataclass(frozen=True)
class LowerTokensPass(ModulePass):
    """Remove completion tokens: implied ones vanish, others split the program into tasks."""

    name = "dataflow-lower-tokens"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Lower the tokens of every program of `op`."""
        for program in programs(op):
            lower_tokens(program)
