"""Any change to a valid module is read, or ends in one of the guard's own errors."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pyflame.dialects import new_context
from pyflame.dialects.guard import MlirError, parse_module

SEED = b"""\
#map = affine_map<(d0, d1) -> (d0, d1 + 1)>
!t = tensor<2x3xf32>
builtin.module attributes {a = [1, "two\\n", @three, unit], m = #map} {
  func.func @f(%a: !t, %b: !t) -> !t {
    %c = "test.op"(%a) {x = dense<[[1, -2]]> : tensor<1x2xi8>} : (!t) -> !t loc("m.py":1:2)
    %k = arith.constant dense<1.5e0> : tensor<4xf16>
    %d = arith.addf %a, %b : !t // sum
    cf.br ^end(%d : !t)
  ^end(%e: !t):
    %i:2 = "test.op"() ({
      %z = arith.constant 0x1F : i32
      "test.termop"(%z) : (i32) -> ()
    }) : () -> (i64, complex<f32>)
    return %e : !t
  }
}
{-# dialect_resources: {builtin: {r: "0x0400000001"}} #-}
"""

PIECES = [
    *(bytes([b]) for b in b'()[]{}<>"\\%#!^@:,.=-+*?x0aei \n/\x00\xff'),
    b"->", b"::", b"//", b"loc(", b"dense<", b"tensor<", b"%a", b"!t", b"#map", b"^end", b"i32",
    b"99999999999999999999", b"0x", b"{-#", b"#-}", b"({", b"})", b"affine_map<", b"array<i8:",
    b'"builtin.module"() ', b"vector<[4]xf32>", b"memref<?xf32, strided<[?]>>", b"\xc3\xa9",
]  # fmt: skip

LIT = Path(__file__).parents[3] / "lit_tests" / "dialects"
SEEDS = [SEED] + [
    chunk[:4000]
    for path in sorted(LIT.rglob("*.mlir"))
    for chunk in path.read_bytes().split(b"// -----")
]

CHANGE = st.tuples(
    st.integers(0, 4000), st.integers(0, 40), st.lists(st.sampled_from(PIECES), max_size=3)
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(CHANGE, min_size=1, max_size=4))
def test_a_changed_module_is_read_or_refused(
    text: bytes, changes: list[tuple[int, int, list[bytes]]]
) -> None:
    for at, removed, added in changes:
        at %= len(text) + 1
        text = text[:at] + b"".join(added) + text[at + removed :]
    try:
        parse_module(text, new_context(), name="x.mlir")
    except MlirError as error:
        assert error.diagnostics
        assert str(error).startswith("x.mlir:")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    try:
        parse_module(text, name="x.mlir")
    except MlirError as error:
        assert str(error).startswith("x.mlir:")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES + SEED.split()), max_size=30))
def test_any_tokens_are_read_or_refused(tokens: list[bytes]) -> None:
    try:
        parse_module(b" ".join(tokens), name="x.mlir")
    except MlirError as error:
        assert str(error).startswith("x.mlir:")


def test_the_seed_itself_is_valid() -> None:
    parse_module(SEED)
