"""CSL programs as `csl_source` and back: nothing is lost, and the result runs alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import FileLineColLoc

from pyflame.compiler.csl_source import export_program, import_program
from pyflame.compiler.csl_source.importing import import_module
from pyflame.compiler.csl_source.rows import rows
from pyflame.dialects.csl_source import OPS
from pyflame.dialects.csl_source.declarations import FileOp, ProgramOp
from pyflame.dialects.csl_source.expressions import INFIX
from pyflame.dialects.csl_source.statements import ASSIGNMENTS
from pyflame.dialects.guard import parse_module
from pyflame.dialects.guard.limits import Limits
from pyflame.dialects.guard.module import recursion_room
from pyflame.errors import LimitError, VerifyError
from pyflame.runtime.csl import CslError, ast, compile_program, parse, parser
from pyflame.runtime.csl.cursor import MAX_NESTING
from pyflame.runtime.csl.parse_expr import PRECEDENCE
from tests.compiler.csl_source_programs import printed, program_of_files
from tests.runtime.csl import test_printer as grammar
from tests.runtime.programs.sources import Source, agreed, east, launched

NESTED = Limits(max_nesting=600)

FORMS = [(generic, places) for generic in (False, True) for places in (False, True)]


def exported(module: ast.Module, generic: bool = False, places: bool = False) -> tuple:
    """The declarations of a file after all steps there and back."""
    text = printed(program_of_files(import_module(module, "f.csl")), generic, places)
    return parse(export_program(parse_module(text))["f.csl"]).decls


def test_every_construct_has_an_op_and_every_op_a_construct() -> None:
    assert {row.op for row in rows()} == {*OPS} - {FileOp, ProgramOp}


def test_the_words_of_the_dialect_are_those_of_the_front_end() -> None:
    assert set(INFIX) == set(PRECEDENCE)
    assert set(ASSIGNMENTS) == parser.ASSIGNMENTS


@pytest.mark.parametrize(("generic", "places"), FORMS)
def test_a_file_survives_in_every_form(generic: bool, places: bool) -> None:
    module = parse(grammar.PROGRAM)
    assert exported(module, generic, places) == module.decls


@settings(max_examples=60, deadline=None)
@given(st.recursive(grammar.leaves, grammar._grow, max_leaves=12))
def test_any_expression_survives(expr: ast.Expr) -> None:
    decl = ast.VarDecl(grammar.HERE, "const", "x", None, expr)
    assert exported(ast.Module(grammar.HERE.file, (decl,))) == (decl,)


def test_spellings_of_numbers_are_kept() -> None:
    text = "const a = 0x2A + 1e3 + 0b11 + 'q' + 7 + 2.0;\n"
    module = program_of_files(import_module(parse(text), "f.csl"))
    assert export_program(parse_module(printed(module))) == {"f.csl": text}


def test_the_deepest_file_survives() -> None:
    inside = MAX_NESTING - 10
    module = parse(f"const a = {'-(' * (inside // 2)}1{')' * (inside // 2)};")
    assert exported(module) == module.decls


@pytest.mark.timeout(60)
def test_the_deepest_literal_survives() -> None:
    inside = MAX_NESTING - 10
    text = f"const a = {'.{ .a = ' * inside}1{' }' * inside};"
    module = program_of_files(import_module(parse(text), "f.csl"))
    with recursion_room(NESTED):
        again = parse_module(printed(module), limits=NESTED)
    assert export_program(again)["f.csl"].count(".a = ") == inside


def test_every_op_has_its_place() -> None:
    text = "const a = 1;\nfn f() void {\n  if (a == 1) return;\n}\n"
    module = program_of_files(import_module(parse(text), "src/f.csl"))
    again = parse_module(printed(module, places=True))
    for top in (module, again):
        places = {
            op.name.removeprefix("csl_source."): (place.line.data, place.column.data)
            for op in top.walk()
            if isinstance(place := op.location, FileLineColLoc) and place.filename.data[:3] == "src"
        }
        assert places["var_decl"] == (1, 1)
        assert places["fn_decl"] == (2, 1)
        assert places["if"] == (3, 3)
        assert places["binary"] == (3, 7)
        assert places["return"] == (3, 15)


# Programs of several files

PROGRAM = {
    "app/layout.csl": """
        param width: u16;
        const memcpy = @import_module("<memcpy/get_params>", .{ .width = width, .height = 1 });
        layout {
          @set_rectangle(width, 1);
          for (@range(u16, width)) |x| {
            @set_tile_code(x, 0, "pe/pe.csl", .{ .memcpy_params = memcpy.get_params(x) });
          }
          @export_name("out", [*]u32, true);
          @export_name("main", fn()void);
        }
    """,
    "app/pe/pe.csl": """
        param memcpy_params;
        const sys = @import_module("<memcpy/memcpy>", memcpy_params);
        const near = @import_module("../../shared/near.csl", .{ .k = 2 });
        const far = @import_module("far.csl");
        const unread = if (@is_arch("wse3")) @import_module("wse3.csl") else 0;
        var out = [1]u32{ near.twice(far.number) };
        var out_pointer: [*]u32 = &out;
        fn main() void { sys.unblock_cmd_stream(); }
        comptime { @export_symbol(out_pointer, "out"); @export_symbol(main); }
    """,
    "shared/near.csl": "param k: u32;\nfn twice(x: u32) u32 { return k * x; }\n",
    "path/far.csl": "const number: u32 = 21;\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in PROGRAM.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_all_files_of_a_program_are_there_and_no_library(folder: Path) -> None:
    imported = import_program(
        folder / "app/layout.csl", params={"width": 2}, import_paths=[folder / "path"]
    )
    text = printed(imported.module)
    assert (
        '  csl_source.program "app/layout.csl" arch "wse2" params {width = "2"} '
        'import_paths ["path"] {\n'
    ) in text
    texts = export_program(parse_module(text))
    assert texts.keys() == PROGRAM.keys()
    assert all(parse(texts[name]).decls == parse(PROGRAM[name]).decls for name in texts)
    assert str(folder) not in text


def test_the_exported_program_compiles_as_the_imported_one(folder: Path) -> None:
    flags = {"params": {"width": 2}, "arch": "wse2"}
    texts = export_program(
        import_program(folder / "app/layout.csl", import_paths=[folder / "path"], **flags).module
    )
    for name, text in texts.items():
        (folder / "again" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "again" / name).write_text(text)
    again = folder / "again"
    program = compile_program(again / "app/layout.csl", import_paths=[again / "path"], **flags)
    assert (program.width, len(program.images)) == (2, 1)


def test_mistakes_are_those_that_the_front_end_reports(folder: Path) -> None:
    (folder / "shared/near.csl").write_text("param k: u32;\nfn twice(x: u32) u32 { return y; }\n")
    with pytest.raises(CslError, match=r"near\.csl:2:31: error: .*'y'"):
        import_program(
            folder / "app/layout.csl", params={"width": 2}, import_paths=[folder / "path"]
        )


RING = Source(
    """
    const Op = enum(u16) { ADD, SUB };
    const send = @get_dsd(fabout_dsd, .{ .extent = 4, .fabric_color = red, .output_queue = out2 });
    const take = @get_dsd(fabin_dsd, .{ .extent = 4, .fabric_color = red, .input_queue = in2 });
    const own = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[2 * i + 1] });
    comptime { if (x == 0) sends(out2, red) else receives(in2, red); }
    fn apply(op: Op, a: u32, b: u32) u32 {
      const c = blk: { if (a < b) { break :blk a; } break :blk a - b; };
      return switch (op) { Op.ADD => c + b, else => 0xff ^ a };
    }
    fn main() void {
      var i: u16 = 0;
      outer: while (true) : (i += 1) {
        inline for (@range(u16, 2)) |k| {
          if (i == 4) break :outer else if (i == 2 and k == 1) continue :outer;
          out[2 * i] += apply(if (k == 0) Op.ADD else Op.SUB, @as(u32, i) * 3, 5) - (3 - 2);
        }
      }
      if (x == 0) { @mov32(send, 7); } else @mov32(own, take);
      sys.unblock_cmd_stream();
    }
    """,
    width=2,
    routes=east(2),
)
"""Control flow, enums, blocks with a value, and wavelets from one PE to the next."""


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_an_exported_program_computes_the_same(tmp_path: Path, arch: str) -> None:
    before = agreed(RING.compiled(tmp_path, arch), launched())
    module = import_program(tmp_path / "layout.csl", arch=arch).module
    for name, text in export_program(parse_module(printed(module))).items():
        (tmp_path / "again" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "again" / name).write_text(text)
    again = compile_program(tmp_path / "again" / "layout.csl", arch=arch)
    assert before.any()
    np.testing.assert_array_equal(agreed(again, launched()), before)


# What cannot be written


def module_of(body: str) -> str:
    return f'csl_source.program "f.csl" arch "wse2" {{ csl_source.file "f.csl" {{ {body} }} }}'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            '%0 = csl_source.int_lit 1 as "2"  csl_source.var_decl "const" "a" = %0',
            "f.csl: declaration 'a' reads back as something else",
        ),
        (
            'csl_source.var_decl "const" "while"',
            "f.csl is not CSL when it is written: expected an identifier behind 'const', "
            "found 'while'",
        ),
        (
            "csl_source.layout_block { %0 = csl_source.bool_lit true csl_source.if %0 { "
            "%1 = csl_source.bool_lit true csl_source.if %1 { csl_source.return } } "
            "else { csl_source.return } }",
            "f.csl cannot be written as CSL: an if without else cannot stand, without braces, "
            "before else",
        ),
    ],
)
def test_what_is_not_csl_is_refused(body: str, message: str) -> None:
    with pytest.raises(VerifyError) as caught:
        export_program(parse_module(module_of(body)))
    assert message in str(caught.value)


def test_a_module_without_a_program_is_refused() -> None:
    with pytest.raises(VerifyError, match=r"expected a module of one csl_source.program, found "):
        export_program(parse_module("func.func @f() { return }"))


def test_an_endless_expression_is_refused() -> None:
    chain = "\n".join(f'%{i} = csl_source.unary "-" %{i - 1}' for i in range(1, 5000))
    text = f'%0 = csl_source.int_lit 1\n{chain}\ncsl_source.var_decl "const" "a" = %4999'
    with pytest.raises(LimitError, match="nests deeper than 1000 levels"):
        export_program(parse_module(module_of(text)))
