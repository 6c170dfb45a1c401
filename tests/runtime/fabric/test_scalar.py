"""The scalar interpreter: typed arithmetic, memory, calls."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyflame.runtime.fabric.isa import Math, Op, Type
from pyflame.runtime.fabric.kernel import arith, halves
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import F32, I16, I32, U16, U32, Asm, program
from tests.runtime.fabric.programs import values

INTEGERS = {
    Type.I8: np.int8, Type.U8: np.uint8, Type.I16: np.int16, Type.U16: np.uint16,
    Type.I32: np.int32, Type.U32: np.uint32,
}  # fmt: skip


def bits(value: float, t: Type) -> int:
    """A float's register value."""
    if t == Type.F32:
        return int(np.float32(value).view(np.uint32))
    return int(np.float16(value).view(np.uint16))


@given(
    t=st.sampled_from(sorted(INTEGERS)),
    op=st.sampled_from([Op.ADD, Op.SUB, Op.MUL]),
    a=st.integers(-(2**31), 2**32 - 1),
    b=st.integers(-(2**31), 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_integers_wrap_like_their_numpy_types(t: Type, op: Op, a: int, b: int) -> None:
    dtype = INTEGERS[t]
    x, y = np.array([a, b], np.int64).astype(dtype)
    with np.errstate(over="ignore"):
        expected = {Op.ADD: x + y, Op.SUB: x - y, Op.MUL: x * y}[op]
    assert arith.integer_binary(int(op), int(t), int(x), int(y)) == int(expected)


@pytest.mark.parametrize(("a", "b"), [(7, 2), (-7, 2), (7, -2), (-7, -2), (-32768, -1)])
def test_division_truncates_toward_zero(a: int, b: int) -> None:
    q = arith.integer_binary(int(Op.DIV), int(Type.I16), a, b)
    r = arith.integer_binary(int(Op.MOD), int(Type.I16), a, b)
    exact = -32768 if (a, b) == (-32768, -1) else math.trunc(a / b)
    assert (q, r) == (exact, 0 if exact == -32768 else a - exact * b)


def test_unsigned_64_bit_division_and_comparison() -> None:
    big = -1  # 2^64 - 1
    assert arith.integer_binary(int(Op.DIV), int(Type.U64), big, 10) == (2**64 - 1) // 10
    assert arith.compare(int(Op.GT), int(Type.U64), big, 1)
    assert not arith.compare(int(Op.GT), int(Type.I64), big, 1)


@pytest.mark.parametrize(
    ("t", "a", "count", "expected"),
    [
        (Type.I16, -8, 1, -4), (Type.U16, 0x8000, 15, 1), (Type.I16, -1, 40, -1),
        (Type.U16, 0x8000, 16, 0),
    ],
)  # fmt: skip
def test_right_shift_is_arithmetic_for_signed_types(
    t: Type, a: int, count: int, expected: int
) -> None:
    assert arith.integer_binary(int(Op.SHR), int(t), a, count) == expected


@pytest.mark.parametrize(
    ("to", "source", "value", "expected"),
    [
        (Type.I16, Type.F32, bits(-2.9, Type.F32), -2),
        (Type.U16, Type.F32, bits(65535.0, Type.F32), 65535),
        (Type.F32, Type.I16, -3, bits(-3.0, Type.F32)),
        (Type.F32, Type.F16, bits(0.1, Type.F16), bits(float(np.float16(0.1)), Type.F32)),
        (Type.F16, Type.F32, bits(0.1, Type.F32), bits(0.1, Type.F16)),
        (Type.U8, Type.I16, -1, 255),
        (Type.I8, Type.U16, 0x80, -128),
        (Type.BOOL, Type.F32, bits(0.0, Type.F32), 0),
        (Type.BOOL, Type.U16, 4, 1),
    ],
)
def test_casts(to: Type, source: Type, value: int, expected: int) -> None:
    assert arith.cast(int(to), int(source), value) == expected


@given(st.floats(width=64, allow_nan=False))
@settings(max_examples=200, deadline=None)
def test_rounding_to_half_agrees_with_numpy(value: float) -> None:
    with np.errstate(over="ignore"):
        expected = int(np.float64(value).astype(np.float16).view(np.uint16))
    assert int(halves.half_of(value, 0)) == expected


def test_every_half_has_the_value_numpy_gives_it() -> None:
    for pattern in [*range(0, 65536, 97), 0x7C00, 0xFC00, 1, 0x3FF, 0x400, 0x8001]:
        expected = float(np.uint16(pattern).view(np.float16))
        got = float(halves.value_of_half(pattern, 0))
        assert got == expected or (math.isnan(got) and math.isnan(expected))


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (Math.SQRT, 2.0, math.sqrt(2)), (Math.SQRT, -1.0, math.nan), (Math.EXP, 1.0, math.e),
        (Math.EXP, 1000.0, math.inf), (Math.LOG, 0.0, -math.inf), (Math.TANH, 0.5, math.tanh(0.5)),
        (Math.INV, 0.0, math.inf), (Math.FLOOR, -1.5, -2.0), (Math.CEIL, -1.5, -1.0),
        (Math.ABS, -3.0, 3.0), (Math.SIGMOID, 0.0, 0.5), (Math.SIGN, -2.0, -1.0),
        (Math.INVSQRT, 4.0, 0.5),
    ],
)  # fmt: skip
def test_math_functions_round_once_to_f32(f: Math, x: float, expected: float) -> None:
    got = arith.math_function(int(f), int(Type.F32), bits(x, Type.F32), 0)
    assert int(got) == bits(expected, Type.F32) or math.isnan(expected)


def test_comparisons_with_nan_are_false() -> None:
    nan, one = bits(math.nan, F32), bits(1.0, F32)
    for op in (Op.EQ, Op.LT, Op.LE, Op.GT, Op.GE):
        assert not arith.compare(int(op), int(F32), nan, one)
    assert arith.compare(int(Op.NE), int(F32), nan, one)


def run(a: Asm) -> Machine:
    """Finish `go` and run it."""
    a.unblock_host()
    a.ret()
    machine = Machine(program([[a]]))
    machine.launch("go")
    return machine


def test_loop_with_loads_and_stores() -> None:
    a = Asm()
    x = a.array("x", I16, [3, -4, 5])
    total = a.array("total", U32, 1)
    a.function("go")
    a.ldi(0, x.address)
    a.ldi(1, 0)
    a.ldi(2, 3)
    a.ldi(3, 1)
    a.ldi(4, 2)
    loop = a.emit(Op.LOAD, t=I16, a=5, b=0, d=0)
    a.emit(Op.ADD, t=I32, a=1, b=1, c=5)
    a.emit(Op.ADD, t=U16, a=0, b=0, c=4)
    a.emit(Op.SUB, t=U16, a=2, b=2, c=3)
    a.emit(Op.JNZ, a=2, d=loop)
    a.emit(Op.STORE, t=U32, a=1, b=-1, d=total.address)
    assert values(run(a), total)[0] == 4


def test_calls_pass_arguments_and_results() -> None:
    a = Asm()
    out = a.array("out", U32, 1)
    a.function("go", registers=8)
    a.ldi(2, 30)
    a.ldi(3, 12)
    call = a.emit(Op.CALL, a=5, b=2, c=2, d=1)
    a.emit(Op.STORE, t=U32, a=5, b=-1, d=out.address)
    a.unblock_host()
    a.ret()
    assert a.function("sum", U32, U32, registers=3) == 1
    a.emit(Op.ADD, t=U32, a=2, b=0, c=1)
    a.ret(2)
    machine = Machine(program([[a]]))
    machine.launch("go")
    assert values(machine, out)[0] == 42
    assert call == 2


def test_function_pointers_are_indices() -> None:
    a = Asm()
    out = a.array("out", U32, 1)
    a.function("go", registers=8)
    a.ldi(1, 1)
    a.emit(Op.CALLR, a=5, b=0, c=0, d=1)
    a.emit(Op.STORE, t=U32, a=5, b=-1, d=out.address)
    a.unblock_host()
    a.ret()
    a.function("nine", registers=1)
    a.ldi(0, 9)
    a.ret(0)
    machine = Machine(program([[a]]))
    machine.launch("go")
    assert values(machine, out)[0] == 9


def test_copy_and_fill_move_bytes() -> None:
    a = Asm()
    x = a.array("x", U16, [1, 2, 3, 4])
    a.function("go")
    a.ldi(0, x.address + 2)
    a.ldi(1, x.address)
    a.emit(Op.COPY, a=0, b=1, d=6)
    a.emit(Op.FILL, a=1, d=2)
    np.testing.assert_array_equal(values(run(a), x), [0, 1, 2, 3])


def test_coordinates_and_clock() -> None:
    a = Asm()
    out = a.array("out", U32, 4)
    a.function("go")
    a.emit(Op.XCOORD, a=0)
    a.emit(Op.YCOORD, a=1)
    a.emit(Op.TSC, a=2)  # disabled: stands still
    a.emit(Op.TSCCTL, d=1)
    a.emit(Op.NOP)
    a.emit(Op.TSC, a=3)
    for i in range(4):
        a.emit(Op.STORE, t=U32, a=i, b=-1, d=out.address + 4 * i)
    a.unblock_host()
    a.ret()
    machine = Machine(program([[a, a], [a, a]]))
    machine.launch("go")
    np.testing.assert_array_equal(values(machine, out, 1, 0), [1, 0, 0, 2])
    np.testing.assert_array_equal(values(machine, out, 0, 1), [0, 1, 0, 2])


def test_random_numbers_repeat_with_their_seed_and_differ_between_unseeded_pes() -> None:
    a = Asm()
    out = a.array("out", U32, 4)
    a.function("go")
    a.ldi(1, 5)
    for i in range(4):
        if i in (1, 3):
            a.emit(Op.SEED, a=1)
        a.emit(Op.RANDOM, a=0)
        a.emit(Op.STORE, t=U32, a=0, b=-1, d=out.address + 4 * i)
    a.unblock_host()
    a.ret()
    machine = Machine(program([[a, a]]))
    machine.launch("go")
    unseeded, first, second, again = values(machine, out, 0)
    assert first == again != second
    assert values(machine, out, 1)[0] != unseeded


def test_printed_lines_carry_cycle_and_pe() -> None:
    from pyflame.runtime.fabric.isa import PrintKind

    a = Asm()
    a.strings += ["x = "]
    a.function("go")
    a.emit(Op.PRINT, a=-1, b=PrintKind.STRING, d=0)
    a.ldf(1, 1.5)
    a.emit(Op.PRINT, a=1, b=PrintKind.F32)
    a.emit(Op.PRINT, a=-1, b=PrintKind.NEWLINE)
    machine = run(a)
    (line,) = machine.output
    assert (line.x, line.y, line.text) == (0, 0, "x = 1.5")
    assert str(line) == f"@{line.cycle} x = 1.5" and 0 < line.cycle <= machine.cycles
