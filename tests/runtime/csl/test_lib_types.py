"""`<types>` and the newer members of `<math>`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyflame.runtime.csl.diagnostics import CslError
from tests.runtime.csl.library import ran

PREDICATES = {
    "is_unsigned_int": ("u8 u16 u32 u64", "i8 i16 f16 f32 bool color"),
    "is_signed_int": ("i8 i16 i32 i64", "u16 f32 bool"),
    "is_float16": ("f16", "f32 u16"),
    "is_float": ("f16 f32", "i16 bool"),
    "is_enabled_float": ("f16 f32", "i32"),
    "is_signed": ("i16 f16 f32", "u16 bool"),
    "is_numeric": ("i8 u32 f16 f32", "bool color direction"),
    "is_dsd": ("mem1d_dsd mem4d_dsd fabin_dsd fabout_dsd", "dsr_dest u16"),
    "is_dsr": ("dsr_dest dsr_src0 dsr_src1", "mem1d_dsd u16"),
}
SIZES = {
    "bit_size_of": {"u8": 8, "i16": 16, "f32": 32, "u64": 64},
    "byte_size_of": {"u8": 1, "f16": 2, "[3]u32": 12, "struct { a: u16, b: u32 }": 8},
    "word_size_of": {"u8": 1, "f16": 1, "f32": 2, "[3]u16": 3},
    "min_byte_align_of": {"u8": 1, "f16": 2, "f32": 4, "[5]u16": 2},
    "min_word_align_of": {"u8": 1, "f16": 1, "u32": 2},
}


def body_of(statements: str) -> str:
    """A program with `<types>` that runs `statements`."""
    return (
        'const types = @import_module("<types>");\n'
        f"fn main() void {{ {statements}\n sys.unblock_cmd_stream(); }}"
    )


@pytest.mark.parametrize("name", PREDICATES)
def test_predicates(tmp_path: Path, name: str) -> None:
    yes, no = (names.split() for names in PREDICATES[name])
    asserts = [f"@comptime_assert(types.{name}({t}));" for t in yes]
    asserts += [f"@comptime_assert(!types.{name}({t}));" for t in no]
    ran(tmp_path, body_of("\n".join(asserts)))


@pytest.mark.parametrize("name", SIZES)
def test_sizes(tmp_path: Path, name: str) -> None:
    calls = [f"out[{i}] = types.{name}({t});" for i, t in enumerate(SIZES[name])]
    got = ran(tmp_path, body_of("\n".join(calls)), count=len(calls))
    assert got.tolist() == list(SIZES[name].values())


def test_types_of_values_and_of_bits(tmp_path: Path) -> None:
    body = body_of(
        """
        @comptime_assert(types.has_dsd_type(d) and !types.has_dsr_type(d));
        @comptime_assert(types.has_dsr_type(r) and !types.has_dsd_type(r));
        @comptime_assert(@is_same_type(types.bits_type_of(f16), u16));
        out[0] = @bitcast(types.bits_type_of(f32), @as(f32, 1.0));
        """
    )
    more = """
    var a = @zeros([4]u16);
    const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> a[i] });
    const r = @get_dsr(dsr_dest, 1);
    """
    assert ran(tmp_path, more + body, count=1).tolist() == [0x3F800000]


def test_types_without_a_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CslError, match="comptime_int has no size in the memory of a PE"):
        ran(tmp_path, body_of("out[0] = types.byte_size_of(comptime_int);"))


@pytest.mark.parametrize(
    ("type_", "bits", "signaling"),
    [
        ("f32", 0x7F800001, True),
        ("f32", 0x7FC00000, False),
        ("f32", 0x7F800000, False),
        ("f32", 0x3F800000, False),
        ("f16", 0x7C01, True),
        ("f16", 0x7E01, False),
    ],
)
def test_signaling_numbers(tmp_path: Path, type_: str, bits: int, signaling: bool) -> None:
    word = "u32" if type_ == "f32" else "u16"
    body = f"""
    const math = @import_module("<math>");
    var x: {word} = {bits};
    fn main() void {{
      out[0] = if (math.isSignaling(@bitcast({type_}, x))) 1 else 0;
      out[1] = if (math.isSignaling_{type_}(@bitcast({type_}, x))) 1 else 0;
      sys.unblock_cmd_stream();
    }}"""
    assert ran(tmp_path, body, count=2).tolist() == [signaling] * 2


def test_saturating_subtraction_stays_finite(tmp_path: Path) -> None:
    body = """
    const math = @import_module("<math>");
    var a: f32 = 3e38;
    var h: f16 = 60000.0;
    fn main() void {
      out[0] = @bitcast(u32, math.subsat(a, -a));
      out[1] = @bitcast(u32, math.subsat_f32(-a, a));
      out[2] = @bitcast(u32, math.subsat(a, a));
      out[3] = @bitcast(u32, @as(f32, math.subsat(h, -h)));
      out[4] = @bitcast(u32, @as(f32, math.subsat_f16(-h, h)));
      sys.unblock_cmd_stream();
    }"""
    largest = float(np.finfo(np.float32).max)
    got = ran(tmp_path, body, count=5).view(np.float32).tolist()
    assert got == [largest, -largest, 0.0, 65504.0, -65504.0]
