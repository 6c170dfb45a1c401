"""DSD operations on memory: values, rounding, every kind of descriptor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyflame.runtime.fabric.isa import DsdOp, DsrFile, Op, dsr_slot
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import F16, F32, I16, U16, U32, Array, Asm, Ptr, Reg, program

SIZES = {F32: np.float32, F16: np.float16, U16: np.uint16, U32: np.uint32, I16: np.int16}


def values(machine: Machine, array: Array, x: int = 0, y: int = 0) -> np.ndarray:
    """An array of PE (x, y) after a run."""
    return np.frombuffer(machine.read(x, y, array.address, array.size), SIZES[array.element])


def finish(a: Asm, **options: Any) -> Machine:
    """End the function `go`, run it on one PE, give the machine."""
    a.unblock_host()
    a.ret()
    machine = Machine(program([[a]], **options))
    machine.launch("go")
    return machine


def apply(op: DsdOp, t, x, y=None, scalar=None, out=None, second=None) -> np.ndarray:
    """`op` on vectors x (of type t) and y (of `second`), or a scalar register as second source."""
    a = Asm()
    out = out or t
    n = len(x)
    d = a.array("d", out, n)
    operands = [a.mem(a.array("x", t, x), n)]
    if y is not None:
        operands.append(a.mem(a.array("y", second or t, y), n))
    a.function("go")
    register = -1
    if scalar is not None:
        register = 0
        half = op in (DsdOp.FMACH, DsdOp.FMACHS)
        a.ldf(0, scalar, half=half)
    a.dsd(op, a.mem(d, n), *operands, scalar=register)
    return values(finish(a), d)


RNG = np.random.default_rng(7)
X = RNG.standard_normal(33).astype(np.float32)
Y = RNG.standard_normal(33).astype(np.float32)
H = (RNG.standard_normal(33) * 3).astype(np.float16)
G = (RNG.standard_normal(33) * 1e-3).astype(np.float16)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (DsdOp.FADDS, X + Y),
        (DsdOp.FSUBS, X - Y),
        (DsdOp.FMULS, X * Y),
        (DsdOp.FMAXS, np.maximum(X, Y)),
    ],
)
def test_f32_operations_round_in_f32(op: DsdOp, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(apply(op, F32, X, Y), expected)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (DsdOp.FADDH, H + G),
        (DsdOp.FSUBH, H - G),
        (DsdOp.FMULH, H * G),
        (DsdOp.FMAXH, np.maximum(H, G)),
    ],
)
def test_f16_operations_round_once_to_f16(op: DsdOp, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(apply(op, F16, H, G), expected)


def test_fmacs_rounds_the_product_before_the_sum() -> None:
    s = np.float32(1.1)
    np.testing.assert_array_equal(apply(DsdOp.FMACS, F32, X, Y, scalar=1.1), X + Y * s)


def test_fmach_rounds_once() -> None:
    exact = H.astype(np.float64) + G.astype(np.float64) * np.float64(np.float16(1.1))
    np.testing.assert_array_equal(
        apply(DsdOp.FMACH, F16, H, G, scalar=1.1), exact.astype(np.float16)
    )


def test_fmachs_accumulates_halves_in_f32() -> None:
    product = G.astype(np.float64) * np.float64(np.float16(1.1))
    expected = (X.astype(np.float64) + product).astype(np.float32)
    np.testing.assert_array_equal(apply(DsdOp.FMACHS, F32, X, G, scalar=1.1, second=F16), expected)


def test_conversions_between_f32_and_f16_round_to_nearest_even() -> None:
    special = np.array(
        [0, -0.0, 1e-8, 6e-8, 65504, 65519.9, 65520, 1e9, np.inf, 2049, 2051, 5.9604645e-8],
        np.float32,
    )
    with np.errstate(over="ignore"):
        expected = special.astype(np.float16)
    np.testing.assert_array_equal(apply(DsdOp.FS2H, F32, special, out=F16), expected)
    np.testing.assert_array_equal(apply(DsdOp.FH2S, F16, H, out=F32), H.astype(np.float32))


def test_bfloat16_programs_use_bfloat16_halves() -> None:
    a = Asm()
    x = np.array([1.0, 3.140625, 255.0, 1e30], np.float32)
    d = a.array("d", U16, 4)
    s = a.array("s", F32, x)
    a.function("go")
    a.dsd(DsdOp.FS2H, a.mem(d, 4), a.mem(s, 4))
    bits = values(finish(a, half="bf16"), d).astype(np.uint32) << 16
    np.testing.assert_array_equal(bits.view(np.float32), _bf16(x))


def _bf16(x: np.ndarray) -> np.ndarray:
    bits = x.view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return rounded.astype(np.uint32).view(np.float32)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (DsdOp.ADD16, [3, 0x8000, 0x1233]),
        (DsdOp.SUB16, [0xFFFF, 0x7FFE, 0x1235]),
        (DsdOp.AND16, [0, 1, 0x1234]),
        (DsdOp.OR16, [3, 0x7FFF, 0xFFFF]),
        (DsdOp.XOR16, [3, 0x7FFE, 0xEDCB]),
        (DsdOp.SLL16, [4, 0xFFFE, 0]),
        (DsdOp.SLR16, [0, 0x3FFF, 0]),
    ],
)
def test_integer_operations_wrap_to_16_bits(op: DsdOp, expected: list[int]) -> None:
    got = apply(op, U16, [1, 0x7FFF, 0x1234], [2, 1, 0xFFFF])
    np.testing.assert_array_equal(got, expected)


def test_arithmetic_shift_keeps_the_sign() -> None:
    got = apply(DsdOp.SAR16, I16, [-8, 8, -1], [1, 1, 20])
    np.testing.assert_array_equal(got, [-4, 4, -1])


def test_sign_operations_and_moves() -> None:
    np.testing.assert_array_equal(apply(DsdOp.FNEGS, F32, X), -X)
    np.testing.assert_array_equal(apply(DsdOp.FABSH, F16, H), np.abs(H))
    np.testing.assert_array_equal(apply(DsdOp.FMOVS, F32, X), X)
    np.testing.assert_array_equal(apply(DsdOp.MOV16, U16, [1, 2, 65535]), [1, 2, 65535])


def test_fixed_point_conversion_rounds_and_saturates() -> None:
    got = apply(DsdOp.FS2XP16, F32, [1.5, 2.5, -1.2, 1e6, -1e6], out=I16)
    np.testing.assert_array_equal(got, [2, 2, -1, 32767, -32768])


def test_scalar_source_repeats() -> None:
    a = Asm()
    d = a.array("d", F32, 3)
    x = a.array("x", F32, [1, 2, 3])
    a.function("go")
    a.ldf(4, 10.0)
    a.dsd(DsdOp.FMULS, a.mem(d, 3), a.mem(x, 3), Reg(4))
    np.testing.assert_array_equal(values(finish(a), d), [10, 20, 30])


def test_pointer_destination_accumulates_each_element() -> None:
    a = Asm()
    total = a.array("total", F32, [100])
    x = a.array("x", F32, [1, 2, 3, 4])
    a.function("go")
    a.ldi(0, total.address)
    a.dsd(DsdOp.FADDS, Ptr(0), Ptr(0), a.mem(x, 4))
    np.testing.assert_array_equal(values(finish(a), total), [110])


def test_in_place_update_runs_in_index_order() -> None:
    a = Asm()
    x = a.array("x", F32, [1, 1, 1, 1, 1])
    a.function("go")
    a.dsd(DsdOp.FADDS, a.mem(x, 4, offset=1), a.mem(x, 4, offset=1), a.mem(x, 4))
    np.testing.assert_array_equal(values(finish(a), x), [1, 2, 3, 4, 5])


def test_strides_and_offsets_may_be_negative() -> None:
    a = Asm()
    x = a.array("x", F32, [0, 1, 2, 3, 4, 5])
    d = a.array("d", F32, 3)
    a.function("go")
    a.dsd(DsdOp.FMOVS, a.mem(d, 3), None, a.mem(x, 3, stride=-2, offset=5))
    np.testing.assert_array_equal(values(finish(a), d), [5, 3, 1])


def test_mem4d_walks_row_major() -> None:
    a = Asm()
    x = a.array("x", U16, list(range(40)))
    d = a.array("d", U16, 24)
    a.function("go")
    a.dsd(DsdOp.MOV16, a.mem(d, 24), a.mem4d(x, [2, 3, 4], [20, 5, 1]))
    expected = [20 * i + 5 * j + k for i in range(2) for j in range(3) for k in range(4)]
    np.testing.assert_array_equal(values(finish(a), d), expected)


def test_circular_buffer_wraps_and_continues() -> None:
    a = Asm()
    x = a.array("x", U16, [0, 1, 2, 3, 4])
    d = a.array("d", U16, 6)
    a.function("go")
    dest = a.load_dsr(dsr_slot(DsrFile.DEST, 1), a.mem(d, 3), save_address=1)
    source = a.load_dsr(dsr_slot(DsrFile.SRC1, 1), a.circbuf(x, 3, 5), save_address=1)
    a.dsd(DsdOp.MOV16, dest, None, source)
    a.dsd(DsdOp.MOV16, dest, None, source)
    np.testing.assert_array_equal(values(finish(a), d), [0, 1, 2, 3, 4, 0])


def test_save_address_lets_the_next_operation_continue() -> None:
    a = Asm()
    x = a.array("x", F32, [1, 2, 3, 4])
    d = a.array("d", F32, 4)
    a.function("go")
    dest = a.load_dsr(dsr_slot(DsrFile.DEST, 0), a.mem(d, 2), save_address=1)
    source = a.load_dsr(dsr_slot(DsrFile.SRC1, 0), a.mem(x, 2), save_address=1)
    a.dsd(DsdOp.FMOVS, dest, None, source)
    a.dsd(DsdOp.FMOVS, dest, None, source)
    np.testing.assert_array_equal(values(finish(a), d), [1, 2, 3, 4])


def test_modifiers_change_length_base_offset_and_stride() -> None:
    a = Asm()
    x = a.array("x", F32, [0, 1, 2, 3, 4, 5, 6, 7])
    z = a.array("z", F32, [10, 11, 12, 13, 14, 15])
    d = a.array("d", F32, 4)
    source, dest = a.mem(x, 1), a.mem(d, 2)
    a.function("go")
    a.ldi(0, 2)
    a.emit(Op.DLEN, a=source, b=0)
    a.emit(Op.DOFF, a=source, b=0, d=4)
    a.dsd(DsdOp.FMOVS, dest, source)  # x[2], x[3]
    a.ldi(1, z.address)
    a.emit(Op.DBASE, a=source, b=1)
    a.ldi(2, 3)
    a.emit(Op.DSTRIDE, a=source, b=2)
    a.emit(Op.DOFF, a=dest, b=0, d=4)
    a.dsd(DsdOp.FMOVS, dest, source)  # z[0], z[3]
    np.testing.assert_array_equal(values(finish(a), d), [2, 3, 10, 13])


def test_length_is_the_first_nonzero_of_src0_src1_dest() -> None:
    a = Asm()
    x, y = a.array("x", F32, [1, 2, 3, 4]), a.array("y", F32, [1, 1, 1, 1])
    d = a.array("d", F32, 4)
    a.function("go")
    a.dsd(DsdOp.FADDS, a.mem(d, 4), a.mem(x, 0), a.mem(y, 2))
    np.testing.assert_array_equal(values(finish(a), d), [2, 3, 0, 0])


def test_operation_on_scalars_only_has_length_one() -> None:
    a = Asm()
    d = a.array("d", F32, 2)
    a.function("go")
    a.ldf(0, 5.0)
    a.ldi(1, d.address)
    a.dsd(DsdOp.FMOVS, Ptr(1), Reg(0))
    np.testing.assert_array_equal(values(finish(a), d), [5, 0])


def test_32_bit_elements_may_lie_on_halfwords() -> None:
    a = Asm()
    raw = a.array("raw", U16, [0, 1, 0, 2, 0])
    d = a.array("d", U32, 2)
    a.function("go")
    source = a.mem(Array("view", raw.address + 2, U32, 8), 2)
    a.dsd(DsdOp.MOV32, a.mem(d, 2), source)
    np.testing.assert_array_equal(values(finish(a), d), [1, 2])


def test_map_reads_and_writes_single_elements() -> None:
    a = Asm()
    x = a.array("x", F32, [1, 4, 9])
    d = a.array("d", F32, 3)
    source, dest = a.mem(x, 3), a.mem(d, 3)
    a.function("go")
    a.ldi(0, 0)
    a.emit(Op.DCOUNT, a=1, b=source)
    a.ldi(2, 1)
    loop = a.emit(Op.DLD, t=F32, a=3, b=source, c=0)
    a.emit(Op.MATH, t=F32, a=4, b=3, c=-1, d=0)  # sqrt
    a.emit(Op.DST, t=F32, a=4, b=dest, c=0)
    a.emit(Op.ADD, t=U16, a=0, b=0, c=2)
    a.emit(Op.LT, t=U16, a=5, b=0, c=1)
    a.emit(Op.JNZ, a=5, d=loop)
    np.testing.assert_array_equal(values(finish(a), d), [1, 2, 3])
