"""The printer refuses what it does not know, repeats itself exactly, and our parser reads it."""

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.errors import UnsupportedError
from pyflame.lowering.emit.names import RESERVED, Names, identifier
from pyflame.lowering.emit.printer import TABLES, print_files
from pyflame.runtime.csl.parser import parse


def program(body: str, ctx: Context | None = None) -> ModuleOp:
    text = (
        '"csl.module"() <{kind = #csl<module_kind program>, sym_name = "pe"}> ({\n'
        f"{body}\n}}) : () -> ()"
    )
    module = Parser(ctx or new_context(), text).parse_module()
    module.verify()
    return module


def printed(body: str, **options) -> str:
    text = print_files(program(body), **options)["pe.csl"]
    parse(text)
    return text


def test_an_op_without_a_row_is_an_error_that_names_it():
    body = """csl.func @f(%x: f32) -> f32 {
      %y = math.tanh %x : f32
      csl.return %y : f32
    }"""
    with pytest.raises(UnsupportedError, match=r"op 'math.tanh' in CSL at csl.func @f"):
        printed(body)


def test_ops_outside_of_csl_modules_are_all_listed():
    text = 'func.func @f() { func.return }\n"test.op"() : () -> ()'
    module = Parser(new_context(), text).parse_module()
    with pytest.raises(UnsupportedError) as info:
        print_files(module)
    assert len(info.value.gaps) == 2


def test_two_prints_give_the_same_text():
    module = program("""csl.func @f(%x: f32) -> f32 {
      %y = arith.addf %x, %x : f32
      %z = arith.mulf %y, %y : f32
      csl.return %z : f32
    }""")
    assert print_files(module) == print_files(module.clone())


def test_comments_are_printed_only_where_wanted():
    body = """csl.func @f() attributes {comment = "what it does"} {
      csl.return
    }"""
    assert "// what it does\nfn f() void {" in printed(body)
    assert "//" not in printed(body, comments=False)


def test_a_value_used_in_a_loop_is_computed_outside():
    body = """csl.func @f(%x: f32, %n: index) -> f32 {
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %y = arith.mulf %x, %x : f32
      %r = scf.for %i = %zero to %n step %one iter_args(%acc = %x) -> (f32) {
        %s = arith.addf %acc, %y : f32
        scf.yield %s : f32
      }
      csl.return %r : f32
    }"""
    text = printed(body)
    assert text.index("const y: f32 = x * x;") < text.index("while")
    assert "acc = acc + y;" in text


def test_a_condition_that_needs_statements_is_tested_inside_the_loop():
    body = """csl.func @f(%n: index) -> index {
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %r = scf.while (%k = %zero) : (index) -> index {
        %next = arith.addi %k, %one : index
        %double = arith.muli %next, %next : index
        %small = arith.cmpi slt, %double, %n : index
        %use = arith.addi %double, %double : index
        scf.condition(%small) %use : index
      } do {
      ^bb0(%k: index):
        scf.yield %k : index
      }
      csl.return %r : index
    }"""
    text = printed(body)
    assert "while (true) {" in text and "break;" in text


@pytest.mark.parametrize("word", ["task", "f32", "RAMP"])
def test_reserved_words_are_never_names(word):
    assert word in RESERVED
    assert identifier(word) not in RESERVED


def test_names_of_a_function_are_free_again_behind_it_but_not_for_the_file():
    names = Names()
    with names.scope():
        assert [names.fresh("x"), names.fresh("x")] == ["x", "x_1"]
    with names.scope():
        assert names.fresh("x") == "x"
    assert names.fresh("x") == "x_2"


def test_hostile_names_become_identifiers():
    assert identifier("a.b-c/d;e") == "a_b_c_d_e"
    assert identifier("0") == "v0"
    assert identifier("") == "v"


def test_no_op_has_two_rows():
    assert not set(TABLES.values) & set(TABLES.statements)


@pytest.mark.parametrize(
    "body",
    [
        'csl.func @"a b"() { csl.return }',
        '%x = csl_ext.param "x; evil" : f32',
        'csl_ext.comptime { csl_ext.export_symbol "x);" }',
        '"csl.import_module"() <{module = "<a\\0b>"}> : () -> !csl.imported_module',
    ],
)
def test_names_that_csl_cannot_have_are_refused(body):
    with pytest.raises(UnsupportedError, match=r"the (name|string) "):
        printed(body)


def test_strings_are_escaped():
    body = '%m = "csl.import_module"() <{module = "a\\22b\\\\c"}> : () -> !csl.imported_module'
    assert 'const m = @import_module("a\\"b\\\\c");' in printed(body)


def test_a_module_cannot_name_a_file_in_another_folder():
    module = program("csl.func @f() { csl.return }")
    (inner,) = module.ops
    inner.properties["sym_name"] = StringAttr("../evil")
    with pytest.raises(UnsupportedError, match=r"a csl\.module called '\.\./evil'"):
        print_files(module)
