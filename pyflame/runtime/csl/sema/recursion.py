"""Functions that can reach themselves.

Scalars of a function live in registers, one set per activation. Its DSDs and arrays are static, so
a function may call itself only where none of them is used again afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyflame.runtime.csl.sema.core import Sema
from pyflame.runtime.csl.sema.image import FunctionInstance, ImageUnit
from pyflame.runtime.fabric.isa import DsdOperands, Op, Operand

_READS_A = frozenset([Op.DLEN, Op.DBASE, Op.DOFF, Op.DSTRIDE, Op.DFIELD])
_READS_B = frozenset([Op.DCOPY, Op.DGET, Op.DSRLOAD, Op.DLD, Op.DST, Op.DCOUNT])
_WRITES_A = frozenset([Op.DCOPY, Op.DCONST])
_ABSOLUTE = frozenset([Op.LOAD, Op.STORE])
_ENDS = frozenset([Op.RET, Op.TRAP, Op.JMP])

_OPERAND_KINDS = (DsdOperands.DEST_KIND, DsdOperands.SRC0_KIND, DsdOperands.SRC1_KIND)


def check_recursion(s: Sema, unit: ImageUnit) -> None:
    """Refuse recursive calls that would overwrite locals still in use."""
    reached = {f: _reachable(f) for f in unit.functions}
    rows = list(unit.rows("operands"))
    for function in unit.functions:
        if function not in reached[function]:
            continue
        cycle = {f.index for f in reached[function] if function in reached[f]}
        _check_function(s, function, cycle, rows)


def _reachable(start: FunctionInstance) -> set[FunctionInstance]:
    seen: set[FunctionInstance] = set()
    stack = list(start.calls)
    while stack:
        function = stack.pop()
        if function not in seen:
            seen.add(function)
            stack.extend(function.calls)
    return seen


def _check_function(
    s: Sema, function: FunctionInstance, cycle: set[int], rows: Sequence[tuple[int, ...]]
) -> None:
    emitter = function.emitter
    assert emitter is not None
    code = emitter.code
    targets = {index: label.position for index, label in emitter.jumps}
    following = [_successors(i, row, targets, len(code)) for i, row in enumerate(code)]
    own = {*function.local_slots, *(p for p in function.param_slots if p >= 0)}
    live = _live_slots(code, following, own, rows)
    for index, row in enumerate(code):
        if row[0] != Op.CALL or row[5] not in cycle:
            continue
        after = set().union(*(live[n] for n in following[index]))
        memory = _memory_after(function, code, following, index)
        if after or memory:
            what = f"its local '{memory}' is" if memory else "one of its DSDs is"
            raise s.fail(
                emitter.spans[index],
                f"'{function.function.decl.name}' can reach itself through this call, and {what} "
                "used again afterwards; arrays and DSDs of a function are static",
            )


def _successors(index: int, row: list[int], targets: dict[int, int], count: int) -> list[int]:
    following = [] if Op(row[0]) in _ENDS or index + 1 >= count else [index + 1]
    if index in targets and targets[index] < count:
        following.append(targets[index])
    return following


def _slots_read(row: list[int], rows: Sequence[tuple[int, ...]]) -> set[int]:
    op = Op(row[0])
    read: set[int] = set()
    if op in _READS_A:
        read.add(row[2])
    if op in _READS_B:
        read.add(row[3])
    if op == Op.DSD:
        words = rows[row[5]]
        read |= {words[k + 1] for k in _OPERAND_KINDS if words[k] == Operand.SLOT}
    return read


def _live_slots(
    code: list[list[int]],
    following: list[list[int]],
    own: set[int],
    rows: Sequence[tuple[int, ...]],
) -> list[set[int]]:
    """Slots of the function whose contents each instruction, or one after it, still needs."""
    live: list[set[int]] = [set() for _ in code]
    changed = True
    while changed:
        changed = False
        for index in range(len(code) - 1, -1, -1):
            row = code[index]
            needed: set[int] = set().union(*(live[n] for n in following[index]))
            if Op(row[0]) in _WRITES_A:
                needed.discard(row[2])
            needed |= _slots_read(row, rows) & own
            if needed != live[index]:
                live[index] = needed
                changed = True
    return live


def _memory_after(
    function: FunctionInstance, code: list[list[int]], following: list[list[int]], start: int
) -> str:
    """The name of a local in memory that is used behind an instruction, or ""."""
    seen: set[int] = set()
    stack = list(following[start])
    while stack:
        index = stack.pop()
        if index in seen:
            continue
        seen.add(index)
        op, _, _, b, _, d = code[index]
        if op == Op.LDI or (op in _ABSOLUTE and b < 0):
            for storage in function.local_memory:
                if storage.address <= d < storage.address + max(storage.type.size, 1):
                    return storage.name
        stack.extend(following[index])
    return ""
