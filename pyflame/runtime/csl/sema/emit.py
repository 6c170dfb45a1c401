"""Instructions of one function while it is being compiled."""

from __future__ import annotations

from pyflame.arch.cycles import PREDICATED_INSTRUCTIONS
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Op
from pyflame.runtime.fabric.isa import Type as Code

_JUMPS = (Op.JMP, Op.JZ, Op.JNZ, Op.MAPNEXT)

# Operations whose `a` is only written: the last of them can write a variable directly.
_WRITES_A = frozenset(
    [
        Op.LDI, Op.MOV, Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MOD, Op.AND, Op.OR, Op.XOR, Op.SHL,
        Op.SHR, Op.NEG, Op.NOT, Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE, Op.CAST, Op.WRAP,
        Op.LOAD, Op.DGET, Op.DLD, Op.DCOUNT, Op.XCOORD, Op.YCOORD, Op.TSC, Op.RANDOM, Op.CALL,
        Op.CALLR,
    ]
)  # fmt: skip


_PREDICABLE = _WRITES_A - {Op.DIV, Op.MOD, Op.DLD, Op.RANDOM, Op.CALL, Op.CALLR} | {
    Op.STORE,
    Op.BOUND,
}


class Label:
    """A jump target; `used` tells whether anything jumps to it."""

    __slots__ = ("position", "used")

    def __init__(self) -> None:
        self.position = -1
        self.used = False


class Emitter:
    """Collects instructions; registers are handed out like a stack."""

    def __init__(self) -> None:
        self.code: list[list[int]] = []
        self.spans: list[Span] = []
        self.jumps: list[tuple[int, Label]] = []
        self.next_register = 0
        self.registers = 0
        self._barrier = 0
        self.span: Span | None = None

    def register(self, count: int = 1) -> int:
        """The first of `count` fresh registers."""
        first = self.next_register
        self.next_register += count
        self.registers = max(self.registers, self.next_register)
        return first

    def emit(
        self, op: Op, a: int = 0, b: int = 0, c: int = 0, d: int = 0, t: Code | int = 0
    ) -> None:
        """Append an instruction."""
        assert self.span is not None
        self.code.append([int(op), int(t), a, b, c, d])
        self.spans.append(self.span)

    def jump(self, op: Op, label: Label, condition: int = 0, bound: int = 0) -> None:
        """Append a jump to a label that may be placed later."""
        label.used = True
        self.jumps.append((len(self.code), label))
        self.emit(op, condition, bound)

    def unroll_last_jump(self) -> None:
        """The jump just emitted belongs to a loop that is unrolled: it costs nothing."""
        self.code[-1][1] = 2

    def expand_last_call(self) -> None:
        """The call just emitted is expanded in place: it costs nothing."""
        last = next(c for c in reversed(self.code) if c[0] == Op.CALL)
        last[1] = 1

    def place(self, label: Label) -> None:
        """The next instruction is the target of `label`."""
        label.position = len(self.code)
        self._barrier = len(self.code)

    def fence(self) -> None:
        """A statement begins: instructions before it are final."""
        self._barrier = len(self.code)

    def constant(self, value: int) -> int:
        """A fresh register that holds `value`."""
        register = self.register()
        self.emit(Op.LDI, register, d=value)
        return register

    def move(self, destination: int, source: int) -> None:
        """Copy a register; rewrites the instruction that made a temporary where it can."""
        if destination == source:
            return
        last = len(self.code) - 1
        if (
            last >= self._barrier
            and source > destination
            and Op(self.code[last][0]) in _WRITES_A
            and self.code[last][2] == source
        ):
            self.code[last][2] = destination
            return
        self.emit(Op.MOV, destination, source)

    def mark(self) -> tuple[int, int]:
        """A state to `rollback` to, when code is emitted only to learn its type."""
        return len(self.code), len(self.jumps)

    def rollback(self, mark: tuple[int, int]) -> None:
        """Forget everything emitted since `mark`."""
        instructions, jumps = mark
        del self.code[instructions:], self.spans[instructions:], self.jumps[jumps:]
        self.fence()

    def _predicated(self, index: int, target: int) -> bool:
        """Whether a jump only skips scalar instructions, which a compiler predicates instead."""
        skipped = self.code[index + 1 : target]
        return (
            self.code[index][0] in (Op.JZ, Op.JNZ)
            and 0 < len(skipped) <= PREDICATED_INSTRUCTIONS
            and all(code[0] in _PREDICABLE for code in skipped)
        )

    def finish(self, base: int) -> list[list[int]]:
        """The instructions with jumps resolved, for a function that starts at `base`."""
        for index, label in self.jumps:
            assert label.position >= 0
            if self._predicated(index, label.position):
                self.code[index][1] = 1
            self.code[index][5] = base + label.position
        return self.code
