"""Verification that lists every broken rule with the place of the op that breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

from xdsl.dialects.builtin import (
    ArrayAttr,
    CallSiteLoc,
    FileLineColLoc,
    FusedLoc,
    ModuleOp,
    NameLoc,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.guard.errors import MlirLimitError, MlirVerifyError
from pyflame.dialects.guard.limits import Limits
from pyflame.source import Diagnostic, Note, Place, SourceFile, shortened

MOST_ERRORS = 20
"""Broken rules that one message lists."""


def verify_module(
    module: ModuleOp, file: SourceFile | None = None, limits: Limits | None = None
) -> None:
    """Check every op's own rules and that every value is defined before its uses.

    `file` is the text that the module was parsed from, for the excerpts.

    Raises:
        MlirVerifyError: rules are broken; the message has one line, place and caret for each.
        MlirLimitError: the check takes longer than `limits` allow.
    """
    limits = limits or Limits()
    deadline = monotonic() + limits.max_parse_seconds
    found: list[Diagnostic] = []
    order = _Order()
    for op in _inside_out(module):
        found.extend(_mistakes(op, order, file))
        if len(found) >= MOST_ERRORS:
            found[MOST_ERRORS:] = [Diagnostic("there may be more; the rest is not checked", file)]
            break
        if monotonic() > deadline:
            message = "verifying takes too long; " + limits.how_to_raise("max_parse_seconds")
            raise MlirLimitError([*found, Diagnostic(message, place_of(op, file))])
    if found:
        raise MlirVerifyError(found)


def place_of(op: Operation | None, file: SourceFile | None = None) -> Place | SourceFile | None:
    """Where `op`, or the nearest op around it that has a place, stands in the source.

    The excerpt is there when the place is in `file`.
    """
    while op is not None:
        if (location := _file_location(op.location)) is not None:
            name = location.filename.data
            source = file if file is not None and file.name == name else SourceFile(name, "")
            return Place(source, location.line.data, location.column.data)
        op = op.parent_op()
    return file


def _file_location(location: Attribute) -> FileLineColLoc | None:
    """The first place in a file that a location of any kind holds."""
    match location:
        case FileLineColLoc():
            return location
        case NameLoc():
            return _file_location(location.location)
        case CallSiteLoc():
            return _file_location(location.callee)
        case FusedLoc(locations=ArrayAttr(data=parts)):
            return next(filter(None, map(_file_location, parts)), None)
        case _:
            return None


def _inside_out(module: ModuleOp) -> Iterator[Operation]:
    """All ops, an op after those inside it: what an op's rules say may rely on its body's."""
    stack: list[tuple[Operation, bool]] = [(module, False)]
    while stack:
        op, opened = stack.pop()
        if opened or not op.regions:
            yield op
            continue
        stack.append((op, True))
        blocks = [block for region in op.regions for block in region.blocks]
        stack.extend((inner, False) for block in reversed(blocks) for inner in reversed(block.ops))


def _mistakes(op: Operation, order: _Order, file: SourceFile | None) -> Iterator[Diagnostic]:
    place = place_of(op, file)
    try:
        op.verify(verify_nested_ops=False)
        _check_blocks(op)
    except VerifyException as error:
        yield Diagnostic(f"{op.name!r} op does not verify: {shortened(str(error))}", place)
    except (RecursionError, MemoryError):
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {shortened(str(error))}"
        yield Diagnostic(f"{op.name!r} op cannot be verified: {what}", place)
    for operand in dict.fromkeys(op.operands):
        if not order.reaches(operand, op):
            owner = operand.owner
            definer = owner if isinstance(owner, Operation) else owner.parent_op()
            name = f"%{operand.name_hint}" if operand.name_hint else "a value"
            yield Diagnostic(
                f"{op.name!r} op uses {name} before its definition, or outside of the region "
                "that defines it",
                place,
                (Note("it is defined here", place_of(definer, file)),),
            )


def _check_blocks(op: Operation) -> None:
    """The rule of `Block.verify`, which checking one op at a time leaves out."""
    for region in op.regions:
        block = region.first_block
        if block is None or block.first_op is not None or block.next_block is not None:
            continue
        if not op.has_trait(NoTerminator):
            raise VerifyException("a region with one empty block; a terminator is expected in it")


@dataclass
class _Order:
    """Which definitions reach which uses. Positions and dominators are found once per region."""

    _positions: dict[Block, dict[Operation, int]] = field(default_factory=dict)
    _dominators: dict[Region, dict[Block, Block | None]] = field(default_factory=dict)

    def reaches(self, value: SSAValue, user: Operation) -> bool:
        """Whether `value` is defined on every path to `user`, in a region that encloses it."""
        owner = value.owner
        home = owner if isinstance(owner, Block) else owner.parent_block()
        if home is None:
            return owner is not user
        at = self._ancestor_in(home.parent, user)
        if at is None:
            return False
        block = at.parent_block()
        if block is not home:
            return self._dominates(home, block)
        return isinstance(owner, Block) or self._position(owner) < self._position(at)

    @staticmethod
    def _ancestor_in(region: Region | None, op: Operation) -> Operation | None:
        current: Operation | None = op
        while current is not None and current.parent_region() is not region:
            current = current.parent_op()
        return current

    def _position(self, op: Operation) -> int:
        block = op.parent_block()
        if block is None:
            return 0
        if block not in self._positions:
            self._positions[block] = {inner: i for i, inner in enumerate(block.ops)}
        return self._positions[block][op]

    def _dominates(self, a: Block, b: Block | None) -> bool:
        region = a.parent
        if region is None or b is None:
            return False
        if region not in self._dominators:
            self._dominators[region] = immediate_dominators(region)
        tree = self._dominators[region]
        if b not in tree:
            return True  # no path leads to `b`
        current: Block | None = b
        while current is not None and current is not a:
            current = tree[current]
        return current is a


def immediate_dominators(region: Region) -> dict[Block, Block | None]:
    """The immediate dominator of each block that the entry reaches; the entry has None.

    Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001).
    """
    entry = region.first_block
    if entry is None:
        return {}
    postorder = _postorder(entry)
    number = {block: i for i, block in enumerate(postorder)}
    before: dict[Block, list[Block]] = {block: [] for block in postorder}
    for block in postorder:
        for successor in _successors(block):
            before[successor].append(block)
    idom: dict[Block, Block] = {entry: entry}

    def meet(a: Block, b: Block) -> Block:
        while a is not b:
            if number[a] < number[b]:
                a = idom[a]
            else:
                b = idom[b]
        return a

    changed = True
    while changed:
        changed = False
        for block in reversed(postorder[:-1]):
            known = [b for b in before[block] if b in idom]
            new = known[0]
            for other in known[1:]:
                new = meet(new, other)
            if idom.get(block) is not new:
                idom[block] = new
                changed = True
    return {block: None if block is entry else idom[block] for block in postorder}


def _successors(block: Block) -> tuple[Block, ...]:
    last = block.last_op
    return () if last is None else tuple(s for s in last.successors if s.parent is block.parent)


def _postorder(entry: Block) -> list[Block]:
    order: list[Block] = []
    seen = {entry}
    stack = [(entry, iter(_successors(entry)))]
    while stack:
        block, rest = stack[-1]
        following = next((s for s in rest if s not in seen), None)
        if following is None:
            order.append(block)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(_successors(following))))
    return order
