"""Reading CSL: what is accepted, what the tree says, and how mistakes are reported."""

from __future__ import annotations

import pytest

from pyflame.errors import ParseError
from pyflame.runtime.csl import ast
from pyflame.runtime.csl.parser import parse, parse_expression


def body_of(text: str) -> tuple[ast.Stmt, ...]:
    """The statements of `text` placed in a function."""
    decl = parse("fn f() void {\n" + text + "\n}").decls[0]
    assert isinstance(decl, ast.FnDecl)
    return decl.body.statements


def error_of(text: str) -> str:
    with pytest.raises(ParseError) as caught:
        parse(text, "t.csl")
    return str(caught.value)


def test_bitwise_binds_tighter_than_comparison():
    expr = parse_expression("a & 1 == 0 and b")
    assert expr == parse_expression("((a & 1) == 0) and b")


def test_equal_strength_binds_from_the_left():
    assert parse_expression("a - b - c") == parse_expression("(a - b) - c")
    assert parse_expression("a - b - c") != parse_expression("a - (b - c)")


def test_literals():
    expr = parse_expression(".{ 0x1F, 0b101, 1.e-3, \"a\\x41\\n\", 'c', true, {} }")
    assert isinstance(expr, ast.ListLit)
    values = [getattr(item, "value", None) for item in expr.items]
    assert values == [31, 5, 1e-3, "aA\n", ord("c"), True, None]


def test_tensor_access():
    expr = parse_expression("|i, j|{M, N} -> mod.a[2 * i, j + 1]")
    assert isinstance(expr, ast.TensorAccess)
    assert expr.variables == ("i", "j")
    assert isinstance(expr.array, ast.Member)
    assert len(expr.indices) == 2


def test_tensor_access_through_an_index_of_an_index():
    expr = parse_expression("|i|{N} -> a.b[0][i]")
    assert isinstance(expr, ast.TensorAccess)
    assert isinstance(expr.array, ast.Index)


def test_brace_behind_a_result_type_opens_the_body():
    decl = parse("fn f(x: u16) T { return T{ .a = x }; }").decls[0]
    assert isinstance(decl, ast.FnDecl)
    assert decl.result == parse_expression("T")
    assert isinstance(decl.body.statements[0], ast.Return)


def test_simple_branch_drops_its_semicolon_before_else():
    (stmt,) = body_of("if (a) x = 1 else if (b) return else y();")
    assert isinstance(stmt, ast.If)
    assert isinstance(stmt.then, ast.Assign)
    assert isinstance(stmt.otherwise, ast.If)


def test_labelled_and_inline_loops():
    text = """
    outer: inline for (@range(u16, 3)) |x, i| {
      inner: while (true) : (k += 1) { if (k > x) break :outer; continue :inner; }
    }
    const v = blk: { break :blk 3; };
    """
    loop, decl = body_of(text)
    assert isinstance(loop, ast.For) and loop.inline and loop.label == "outer"
    assert loop.index == "i"
    inner = loop.body.statements[0]
    assert isinstance(inner, ast.While) and inner.label == "inner"
    assert isinstance(decl, ast.VarDecl) and isinstance(decl.init, ast.BlockExpr)


def test_switch_as_statement_and_value():
    stmt, decl = body_of(
        "switch (m) { mode.a, mode.b => @activate(t), else => { x = 1; } }\n"
        "const y = switch (z) { 1 => 2, else => 3 };"
    )
    assert isinstance(stmt, ast.ExprStmt) and isinstance(stmt.value, ast.Switch)
    assert len(stmt.value.cases[0].patterns) == 2
    assert stmt.value.cases[1].patterns == ()
    assert isinstance(decl, ast.VarDecl) and isinstance(decl.init, ast.Switch)


def test_types():
    module = parse(
        """
        const S = extern struct { x: u16, y: [2, 3]f32 };
        const E = enum(u16) { a, b = 4 };
        param f: *const fn(u16, [*]f32) void;
        param t: task() void;
        var p: *const [N]f32 align(16) linksection(".x") = &q;
        inline fn g(comptime T: type, v: anytype) @type_of(v) { return v; }
        noinline fn h(v: u16) u16 { return v; }
        """
    )
    kinds = [type(d).__name__ for d in module.decls]
    assert kinds == ["VarDecl"] * 5 + ["FnDecl"] * 2
    assert [d.noinline for d in module.decls if isinstance(d, ast.FnDecl)] == [False, True]
    pointer = module.decls[4]
    assert isinstance(pointer, ast.VarDecl)
    assert pointer.align == parse_expression("16")


def test_a_call_gives_the_type_of_a_literal():
    struct = parse_expression("m.pair(u16){ .a = 1 }")
    assert isinstance(struct, ast.StructLit) and isinstance(struct.type, ast.Call)
    items = parse_expression("vector(f32){ 1, 2 }")
    assert isinstance(items, ast.ListLit) and isinstance(items.type, ast.Call)


def test_error_shows_place_line_and_caret():
    assert error_of("var x: u16 = 1\nvar y: u16;") == (
        "t.csl:1:15: error: expected ';' behind the declaration of 'x', found 'var'\n"
        "var x: u16 = 1\n"
        "              ^"
    )


def test_unclosed_bracket_names_its_opening():
    message = error_of("const a = f(1, 2;\n")
    assert "expected ')' or ',' of the call, found ';'" in message
    assert "t.csl:1:12: note: opened here" in message


def test_several_errors_in_one_run():
    message = error_of(
        "fn f() void {\n  x = ;\n  y = 1;\n  if z { }\n}\nvar = 3;\nfn g() void { return 1 }\n"
    )
    places = [line.split(" error")[0] for line in message.splitlines() if "error:" in line]
    assert places == ["t.csl:2:7:", "t.csl:4:6:", "t.csl:6:5:", "t.csl:7:23:"]


def test_comparisons_do_not_chain():
    assert "they do not chain" in error_of("const a = 1 < 2 < 3;")


@pytest.mark.parametrize(
    "text",
    [
        "const a = " + "(" * 10_000,
        "const a = " + "-" * 10_000 + "1;",
        "const a = 1" + " + 1" * 10_000 + ";",
        "const a = b" + ".c" * 10_000 + ";",
        "fn f() void " + "{" * 10_000,
        "fn f() void {" + "if (a) " * 10_000,
        "fn f() void {" + "if (a) {} else " * 10_000 + "{}}",
        "var a: " + "*" * 10_000 + "u16;",
        "var a: " + "[1]" * 10_000 + "u16;",
    ],
)
def test_nesting_is_bounded(text: str):
    message = error_of(text)
    assert "nesting is deeper than 200 levels" in message
    assert len(message) < 5_000


def test_bad_characters_and_literals():
    message = error_of('const a = 1 $ 2;\nconst b = "x;\nconst c = 0xzz;\nconst d = 1e999;\n')
    assert "character '$' does not belong to CSL" in message
    assert "string is not closed on its line" in message
    assert "'0xzz' is not an integer literal of base 16" in message
    assert "float literal 1e999 is out of range" in message


def test_number_of_errors_is_bounded():
    message = error_of("var = 1;\n" * 10_000)
    assert message.count("error:") == 20


def test_function_types_may_name_their_parameters():
    assert parse_expression("f(fn(n: i32, x: *f32) void)") == parse_expression(
        "f(fn(i32, *f32) void)"
    )
