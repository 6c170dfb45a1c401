"""What a hostile or mistaken MLIR text ends in: one message with its place, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyflame.dialects.guard import (
    Limits,
    MlirError,
    MlirLimitError,
    MlirParseError,
    MlirVerifyError,
    parse_module,
)
from pyflame.errors import ParseError

ALIASES = "!a0 = tuple<i32, i32>\n" + "".join(
    f"!a{i + 1} = tuple<!a{i}, !a{i}>\n" for i in range(60)
)

LIMITED = {
    "regions": ('"t.op"() ({' * 10_000 + "}) : () -> ()" * 10_000, 1, "over 128 brackets"),
    "attributes": ("t.op {a = " + "[" * 10_000 + "]" * 10_000 + "}", 1, "over 128 brackets"),
    "types": ("t.op : " + "tuple<" * 10_000 + ">" * 10_000, 1, "over 128 brackets"),
    "decimal digits": ("\n%0 = arith.constant " + "9" * 100_000 + " : i32", 2, "100000 characters"),
    "shape": ('"t"() : () -> tensor<' + "1x" * 100_000 + "f32>", 1, "200003 characters"),
    "splat": ("%0 = arith.constant dense<0.0> : tensor<1000000000000xf32>", 1, "1000000000000 b"),
    "hexadecimal splat": (
        '%0 = arith.constant dense<"0x00000000"> : tensor<1000000000000xf32>',
        1,
        "1000000000000 b",
    ),
    "splats together": (
        "\n%0 = arith.constant dense<0.0> : tensor<100000000xf32>" * 2,
        3,
        "800000000 bytes",
    ),
    "decimal list": ("%0 = arith.constant dense<[" + "1," * 2_000_000, 1, "over 2000000 tokens"),
    "aliases": (ALIASES + '"test.op"() : () -> !a60', 21, "over 4000000 types"),
    "signs": (
        '"test.op"() {m = affine_map<(d0) -> (' + "-" * 50_000 + "d0)>} : () -> ()",
        1,
        "nests too deeply",
    ),
}


@pytest.mark.parametrize("case", LIMITED)
def test_a_text_that_asks_for_too_much_is_refused_where_it_does(case: str) -> None:
    text, line, message = LIMITED[case]
    with pytest.raises(MlirLimitError) as caught:
        parse_module(text, name="x.mlir")
    assert str(caught.value).startswith(f"x.mlir:{line}:")
    assert message in str(caught.value)


MISTAKES = {
    "no operation": (
        "// nothing",
        "x.mlir:1:11: error: an operation is expected here; the text holds none\n"
        "// nothing\n"
        "          ^",
    ),
    "syntax": (
        "func.func @f( {\n}",
        "x.mlir:1:15: error: Expected argument or type\nfunc.func @f( {\n              ^",
    ),
    "operation": (
        'module {\n  "arith.adi"() : () -> ()\n}',
        "x.mlir:2:4: error: no operation is called 'arith.adi'; did you mean 'arith.andi' or "
        "'arith.addi' or 'arith.divf'?\n"
        '  "arith.adi"() : () -> ()\n'
        "   ^^^^^^^^^",
    ),
    "dialect": (
        "aryth.addi",
        "x.mlir:1:1: error: no operation is called 'aryth.addi'; did you mean 'arith' or "
        "'varith'?\naryth.addi\n^^^^^^^^^^",
    ),
    "bare name": (
        "foo",
        "x.mlir:1:1: error: no operation is called 'foo'; an operation is written dialect.name\n"
        "foo\n^^^",
    ),
    "type in the custom form": (
        "%0 = arith.constant 99999999999 : i32",
        "x.mlir:1:1: error: Integer value 99999999999 is out of range for type i32 which supports "
        "values in the range [-2147483648, 4294967296)\n"
        "%0 = arith.constant 99999999999 : i32\n^",
    ),
    "integer type": (
        '"test.op"() : () -> i99999999999',
        "x.mlir:1:21: error: integer types have at most 16777215 bits\n"
        '"test.op"() : () -> i99999999999\n                    ^^^^^^^^^^^^',
    ),
    "dimension": (
        '"test.op"() : () -> tensor<9223372036854775808xf32>',
        "x.mlir:1:28: error: a dimension is at most 9223372036854775807\n"
        '"test.op"() : () -> tensor<9223372036854775808xf32>\n'
        "                           ^^^^^^^^^^^^^^^^^^^",
    ),
    "string without an end": (
        'module {\n  "test.op() : () -> ()\n}',
        'x.mlir:2:3: error: this string does not end on its line\n  "test.op() : () -> ()\n  ^',
    ),
    "escape": (
        '"te\\q"',
        'x.mlir:1:4: error: unknown escape in a string; known are \\" \\n \\t \\\\ and \\ with two '
        'hex digits\n"te\\q"\n   ^',
    ),
    "undefined values": (
        'func.func @f() {\n  "test.op"(%a, %b) : (i32, i32) -> ()\n  return\n}',
        "x.mlir:2:13: error: value %a is used but not defined\n"
        '  "test.op"(%a, %b) : (i32, i32) -> ()\n            ^^\n'
        "x.mlir:2:17: error: value %b is used but not defined\n"
        '  "test.op"(%a, %b) : (i32, i32) -> ()\n                ^^',
    ),
    "undefined block": (
        "func.func @f() {\n  cf.br ^nowhere\n}",
        "x.mlir:3:2: error: region ends with missing block declarations for block(s) nowhere\n"
        "}\n ^\n"
        'x.mlir:2:9: note: reference to block "^nowhere" without implementation\n'
        "  cf.br ^nowhere\n        ^^^^^^^^",
    ),
    "undefined alias": (
        "!a = tuple<!b>\n!b = tuple<!a>",
        "x.mlir:1:14: error: undefined symbol alias '!b'\n!a = tuple<!b>\n             ^",
    ),
    "a Python exception in the parser": (
        "{-# external_resources: {} #-}",
        "x.mlir:1:25: error: this cannot be parsed (NotImplementedError: Currently only dialect "
        "resources are supported)\n{-# external_resources: {} #-}\n                        ^",
    ),
    "control characters": (
        "module { \x1b[31m }",
        "x.mlir:1:10: error: Unexpected character: \\x1b\nmodule { \\x1b[31m }\n         ^^^^",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_the_text_is_shown_with_its_line(case: str) -> None:
    text, message = MISTAKES[case]
    with pytest.raises(MlirParseError) as caught:
        parse_module(text, name="x.mlir")
    assert str(caught.value) == message


BROKEN_RULES = {
    "a wrong type": (
        'func.func @f(%a: f32) {\n  %0 = "arith.addi"(%a, %a) : (f32, f32) -> f32\n  return\n}',
        "x.mlir:2:3: error: 'arith.addi' op does not verify: operand 'lhs' at position 0 does not "
        "verify: Unexpected attribute f32\n"
        '  %0 = "arith.addi"(%a, %a) : (f32, f32) -> f32\n  ^',
    ),
    "a cycle of values": (
        "func.func @f() {\n  %a = arith.addi %b, %b : i32\n  %b = arith.addi %a, %a : i32\n"
        "  return\n}",
        "x.mlir:2:3: error: 'arith.addi' op uses %b before its definition, or outside of the "
        "region that defines it\n  %a = arith.addi %b, %b : i32\n  ^\n"
        "x.mlir:3:3: note: it is defined here\n  %b = arith.addi %a, %a : i32\n  ^",
    ),
    "two mistakes": (
        "func.func @f(%a: i32) -> f32 {\n  return %a : i32\n}\n"
        "func.func @g() {\n  %0 = arith.constant 1 : i32\n}",
        "x.mlir:2:3: error: 'func.return' op does not verify: Expected arguments to have the same "
        "types as the function output types: expected [f32], got [i32]\n  return %a : i32\n  ^\n"
        "x.mlir:5:3: error: 'arith.constant' op does not verify: Operation arith.constant "
        "terminates block in single-block region but is not a terminator\n"
        "  %0 = arith.constant 1 : i32\n  ^",
    ),
}


@pytest.mark.parametrize("case", BROKEN_RULES)
def test_broken_rules_are_all_listed_with_the_op_that_breaks_them(case: str) -> None:
    text, message = BROKEN_RULES[case]
    with pytest.raises(MlirVerifyError) as caught:
        parse_module(text, name="x.mlir")
    assert str(caught.value) == message


def test_at_most_twenty_broken_rules_are_listed() -> None:
    bad = '  "arith.addi"(%a, %a) : (f32, f32) -> f32\n' * 30
    with pytest.raises(MlirVerifyError) as caught:
        parse_module("func.func @f(%a: f32) {\n" + bad + "  return\n}")
    assert len(caught.value.diagnostics) == 21
    assert str(caught.value).endswith("error: there may be more; the rest is not checked")


@pytest.mark.parametrize("tail", [b'"te\xffst"', b'"' + "é".encode() + b'" // \xc3'])
def test_bytes_that_are_not_utf8_are_found_by_line_and_column(tail: bytes) -> None:
    with pytest.raises(MlirParseError) as caught:
        parse_module(b"module {\n  " + tail, name="x.mlir")
    assert str(caught.value).startswith("x.mlir:2:")
    assert "is not UTF-8" in str(caught.value)


def test_a_long_line_is_shown_around_the_place() -> None:
    with pytest.raises(MlirParseError) as caught:
        parse_module("module { " + " " * 100_000 + "foo }", name="x.mlir")
    assert str(caught.value).startswith("x.mlir:1:100010: error:")
    assert len(str(caught.value)) < 500


def test_a_long_message_is_cut() -> None:
    with pytest.raises(MlirParseError) as caught:
        parse_module("%0 = arith.constant 0x" + "9" * 3400 + " : i32")
    assert len(str(caught.value)) < 1500


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"none\.mlir: error: .*: No such file or directory"):
        parse_module(tmp_path / "none.mlir")
    with pytest.raises(ParseError, match="Is a directory"):
        parse_module(tmp_path)
    with pytest.raises(ParseError, match="cannot read this file: embedded null"):
        parse_module(Path("a\0b"))


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "big.mlir"
    path.write_text("module {} " * 100)
    with pytest.raises(MlirLimitError, match=r"over 999 bytes; .*--max-file-bytes N raises it"):
        parse_module(path, limits=Limits(max_file_bytes=999))
    assert parse_module(b"module {}" + b" " * 990, limits=Limits(max_file_bytes=999))


@pytest.mark.parametrize("clock", ["parser", "verify"])
def test_the_time_is_bounded(clock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 10_000, 200))
    monkeypatch.setattr(f"pyflame.dialects.guard.{clock}.monotonic", lambda: next(ticks))
    with pytest.raises(MlirLimitError, match=r"takes too long.*--max-parse-seconds N"):
        parse_module("module {\n" + "module {}\n" * 9 + "}")


def test_nested_text_within_a_raised_limit_is_read() -> None:
    depth = 900
    text = '"builtin.module"() ({' * depth + "^bb0:" + "}) : () -> ()" * depth
    with pytest.raises(MlirError, match="over 128 brackets"):
        parse_module(text)
    assert parse_module(text, limits=Limits(max_nesting=2_000))
