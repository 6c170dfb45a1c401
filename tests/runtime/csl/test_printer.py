"""Printing a tree gives text that reads back as the same tree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.cursor import deep_recursion
from pyflame.runtime.csl.parse_expr import PRECEDENCE
from pyflame.runtime.csl.parser import parse, parse_expression
from pyflame.runtime.csl.printer import print_expression, print_module
from pyflame.runtime.csl.source import SourceFile, Span

HERE = Span(SourceFile("t", ""), 0, 0)

PROGRAM = """
param n: u16 = 4;
export var a align(16) = @zeros([n, 2]f32);
extern const q: i16;
const S = packed struct { x: u16, y: [2]f32 };
const E = enum(u16) { a, b = 7 };
const U = union { x: u16, };
const w = pair(u16, 2){ .x = 1, .y = vector(f32){ 1.0, 2.0 } };
noinline fn apart(x: u16) u16 { return x; }
const s = S{ .x = 1, .y = [2]f32{ 1.0, 2.5e-3 } };
const d = @get_dsd(mem4d_dsd, .{ .tensor_access = |i, j|{n, 2} -> a[n - i - 1, j] });
fn f(comptime T: type, x: anytype, p: *const fn(u16) void, m: [*]const f32) @type_of(x) {
  var i: u16 = 0;
  comptime const k = 3;
  comptime { @comptime_assert(k == 3, "three\\n\\x01\\""); }
  outer: while (i < n) : (i += 1) {
    inline for (@range(u16, 3)) |v, w| { if (v == w) continue :outer; }
    if (i > 2) break :outer else if (i == 1) p(i) else { m[i] -= 1.0; }
    if (i > 2) if (n == 1) i = 2 else i = 3 else i = 4;
  }
  switch (i) { 1, 2 => i = 3, 3 => {}, else => return x }
  const y = switch (i) { 1 => 2, else => 3 } + (if (i > 1) 1 else 2) * -(2 + 3);
  const z = blk: { break :blk comptime n; };
  @assert(!(i == 1 and (i != 2 or i < 3)));
  g({}, .{}, .{ 1 }, &a, a[0, 1], mod.h(1).*.x, ~i << 2 >> 1 & 3 ^ 4 | 5);
  return x;
}
task t(x: u16, y: u16) void {}
layout { @set_rectangle(1, 1); }
comptime { @bind_local_task(t, @get_local_task_id(8)); }
"""


def test_program_survives():
    module = parse(PROGRAM)
    text = print_module(module)
    assert parse(text).decls == module.decls
    assert print_module(parse(text)) == text


def test_long_literals_break_into_lines():
    text = print_expression(
        parse_expression(".{" + ", ".join(f".x{i} = {i}" for i in range(30)) + "}")
    )
    assert max(map(len, text.splitlines())) < 100


@pytest.mark.timeout(20)
def test_nested_literals_print_in_linear_time():
    depth = 150
    expr = parse_expression(".{ .field = " * depth + "1" + " }" * depth)
    with deep_recursion():
        assert parse_expression(print_expression(expr)) == expr


names = st.sampled_from(["a", "b", "c"]).map(lambda n: ast.Name(HERE, n))
leaves = st.one_of(
    names,
    st.integers(0, 2**70).map(lambda v: ast.IntLit(HERE, v)),
    st.floats(0, 1e300, allow_nan=False).map(lambda v: ast.FloatLit(HERE, v)),
    st.text(st.characters(max_codepoint=0x2FF), max_size=5).map(lambda v: ast.StringLit(HERE, v)),
    st.integers(0, 255).map(lambda v: ast.CharLit(HERE, v)),
    st.booleans().map(lambda v: ast.BoolLit(HERE, v)),
    st.just(ast.VoidLit(HERE)),
)


operators = st.sampled_from([*PRECEDENCE])


def _grow(inner: st.SearchStrategy[ast.Expr]) -> st.SearchStrategy[ast.Expr]:
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(lambda o, a, b: ast.Binary(HERE, o, a, b), operators, inner, inner),
        st.builds(lambda o, a: ast.Unary(HERE, o, a), st.sampled_from(["-", "!", "~"]), inner),
        st.builds(lambda a: ast.AddressOf(HERE, a), inner),
        st.builds(lambda a: ast.ComptimeExpr(HERE, a), inner),
        st.builds(lambda a: ast.Member(HERE, a, "f"), inner),
        st.builds(lambda a: ast.Deref(HERE, a), inner),
        st.builds(lambda a, b: ast.Index(HERE, a, b), inner, some),
        st.builds(lambda a, b: ast.Call(HERE, a, b), inner, some),
        st.builds(lambda b: ast.BuiltinCall(HERE, "x", b), some),
        st.builds(lambda b: ast.ListLit(HERE, None, b), some),
        st.builds(lambda a: ast.StructLit(HERE, None, (ast.FieldInit(HERE, "f", a),)), inner),
        st.builds(lambda a, b, c: ast.IfExpr(HERE, a, b, c), inner, inner, st.none() | inner),
        st.builds(lambda t, b: ast.ListLit(HERE, ast.ArrayType(HERE, b, t), b), names, some),
        st.builds(
            lambda a, b: ast.Switch(
                HERE,
                a,
                (
                    ast.SwitchCase(HERE, b, ast.ExprStmt(HERE, a)),
                    ast.SwitchCase(HERE, (), ast.Block(HERE, (ast.Break(HERE, "", a),))),
                ),
            ),
            inner,
            some,
        ),
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.recursive(leaves, _grow, max_leaves=12))
def test_any_expression_survives(expr: ast.Expr):
    module = ast.Module(
        HERE.file,
        (
            ast.VarDecl(HERE, "const", "x", None, expr),
            ast.FnDecl(
                HERE, "fn", "f", (), ast.Name(HERE, "void"),
                ast.Block(HERE, (ast.ExprStmt(HERE, expr), ast.Return(HERE, expr))),
            ),
        ),
    )  # fmt: skip
    text = print_module(module)
    assert parse(text).decls == module.decls


@pytest.mark.slow
@pytest.mark.skipif(
    "PYFLAME_CSL_EXAMPLES" not in os.environ, reason="PYFLAME_CSL_EXAMPLES names no checkout"
)
def test_public_programs_survive():
    checkout = Path(os.environ["PYFLAME_CSL_EXAMPLES"])
    files = sorted(checkout.rglob("*.csl"))
    assert files
    for path in files:
        module = parse(path.read_text(encoding="utf-8"), str(path))
        assert parse(print_module(module), str(path)).decls == module.decls
