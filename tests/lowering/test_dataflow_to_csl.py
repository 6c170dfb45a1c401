"""Dataflow programs as CSL: roles, colours, views, memory; and that text does not grow with PEs."""

import re

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from pyflame.compiler.pipelines import Level, Settings, lower
from pyflame.dialects import new_context
from pyflame.errors import MemoryLimitError, ResourceError, UnsupportedError
from pyflame.lowering.dataflow_to_csl.convert import ConvertDataflowToCslPass
from pyflame.lowering.emit.host import host_program
from pyflame.lowering.emit.printer import print_files
from pyflame.runtime.csl.parser import parse


def module_of(body: str, rows: int = 2, cols: int = 4) -> ModuleOp:
    text = f'dataflow.program @main on "wse2" rows {rows} cols {cols} {{\n{body}\n}}'
    module = Parser(new_context(), text).parse_module()
    module.verify()
    return module


def convert(body: str, **rectangle: int) -> dict[str, str]:
    """Text by file name, which our own parser has read."""
    module = module_of(body, **rectangle)
    ConvertDataflowToCslPass().apply(new_context(), module)
    module.verify()
    files = print_files(module)
    for name, text in files.items():
        parse(text, name)
    return files


X = "%x = dataflow.buffer @x temporary : memref<4x8xf32>"
ZERO = "%zero = arith.constant 0.0 : f32"
VIEW = "!dataflow.view"
CHAIN = """dataflow.channel @chain along cols [
    #dataflow.route<0, 2 to 3 step 2, [ramp] -> [west]>,
    #dataflow.route<0, 1 to 2 step 2, [east] -> [ramp]>,
    #dataflow.route<1, 1 to 4 step 2, [ramp] -> [west]>,
    #dataflow.route<1, 0 to 3 step 2, [east] -> [ramp]>] {colors}"""
ALLOCATED = "{colors = array<i64: 5, 6>, input_queue = 2 : i64, output_queue = 3 : i64}"


def chain(colors: str = ALLOCATED) -> str:
    return CHAIN.replace("{colors}", colors)


def phase(*lines: str) -> str:
    return 'dataflow.phase "p" {\n' + "\n".join(lines) + "\n}\ndataflow.finish"


def fill(view: str, operands: str = "%x") -> list[str]:
    return [
        ZERO,
        f"%v = dataflow.view {operands} : memref<4x8xf32> -> {VIEW}<{view}>",
        f"dataflow.copy %v, %zero : {VIEW}<{view}>, f32",
    ]


@pytest.mark.parametrize(
    "view, dsd",
    [
        ("4x8xf32, [8, 1]", "mem1d_dsd, .{ .tensor_access = |i|{32} -> x[i] }"),
        ("4x3xf32, [8, 1]", "mem4d_dsd, .{ .tensor_access = |i, j|{4, 3} -> x[8 * i + j] }"),
        ("8x4xf32, [1, 8]", "mem4d_dsd, .{ .tensor_access = |i, j|{8, 4} -> x[i + 8 * j] }"),
        ("1x4xf32, [8, 2]", "mem1d_dsd, .{ .tensor_access = |i|{4} -> x[2 * i] }"),
        ("1xf32, [1]", "mem1d_dsd, .{ .tensor_access = |i|{1} -> x[i] }"),
    ],
)
def test_one_dsd_walks_a_view_of_known_size(view, dsd):
    text = convert("\n".join([X, phase(*fill(view))]))["pe.csl"]
    assert f"@get_dsd({dsd})" in text
    assert "@fmovs(x_dsd, 0.0);" in text


def test_equal_views_share_a_dsd():
    lines = fill("4x8xf32, [8, 1]")
    text = convert("\n".join([X, phase(*lines, lines[2])]))["pe.csl"]
    assert text.count("@get_dsd") == 1


def test_a_size_that_the_layout_knows_is_a_parameter():
    lines = [
        ZERO,
        "%n = dataflow.valid cols tile 8 of 30",
        f"%v = dataflow.view %x sizes(%n) : memref<4x8xf32> -> {VIEW}<4x?xf32, [8, 1]>",
        f"dataflow.copy %v, %zero : {VIEW}<4x?xf32, [8, 1]>, f32",
    ]
    files = convert("\n".join([X, phase(*lines)]))
    assert "param valid_cols_8_of_30: i32;" in files["pe.csl"]
    # A PE without valid elements declares the DSD too, which must not be empty.
    assert "if (valid_cols_8_of_30 > 1) valid_cols_8_of_30 else @as(i32, 1)" in files["pe.csl"]
    assert "mem4d_dsd" in files["pe.csl"]
    assert ".valid_cols_8_of_30 = " in files["layout.csl"]


def test_a_size_known_only_at_run_time_sets_the_length_of_one_dimension():
    lines = [
        ZERO,
        "%c = dataflow.coord cols",
        f"%v = dataflow.view %x offset(%c) sizes(%c) : memref<4x8xf32> -> {VIEW}<?xf32, [2]>",
        f"dataflow.copy %v, %zero : {VIEW}<?xf32, [2]>, f32",
    ]
    text = convert("\n".join([X, phase(*lines)]))["pe.csl"]
    assert "|i|{1} -> x[2 * i]" in text
    assert "@set_dsd_length(@increment_dsd_offset(x_dsd, @as(i16, " in text
    assert "get_x_coord()" in text


def test_a_view_that_no_dsd_walks_becomes_a_loop():
    lines = [
        ZERO,
        "%c = dataflow.coord cols",
        f"%v = dataflow.view %x sizes(%c) : memref<4x8xf32> -> {VIEW}<?x3xf32, [8, 1]>",
        f"dataflow.copy %v, %zero : {VIEW}<?x3xf32, [8, 1]>, f32",
    ]
    text = convert("\n".join([X, phase(*lines)]))["pe.csl"]
    assert re.search(r"while \(i < \w+\) : \(i \+= 1\) \{\n\s+@fmovs\(@increment_dsd_offset", text)


def test_the_position_is_asked_for_once_and_kept():
    lines = [
        ZERO,
        f"%v = dataflow.view %x offset(%c) : memref<4x8xf32> -> {VIEW}<4xf32, [1]>",
        f"dataflow.copy %v, %zero : {VIEW}<4xf32, [1]>, f32",
    ]
    body = "\n".join([X, "%c = dataflow.coord rows", phase(*lines)])
    text = convert(body)["pe.csl"]
    assert text.count("get_y_coord()") == 1
    assert "var coord_y: i32 = 0;" in text and "const y: i32 = coord_y;" in text


def test_colours_of_a_chain_depend_on_the_parity_of_the_pe():
    lines = [
        f"%v = dataflow.view %x : memref<4x8xf32> -> {VIEW}<8xf32, [1]>",
        f"dataflow.reduce_step %v on @chain forward : {VIEW}<8xf32, [1]>",
    ]
    files = convert("\n".join([X, chain(), phase(*lines)]))
    assert "param chain_send: color;" in files["pe.csl"]
    assert "@fadds(chain_out, x_dsd, chain_in);" in files["pe.csl"]
    assert ".chain_send = if ((x % 2) == 0) chain else chain_1" in files["layout.csl"]
    assert "@get_color(5)" in files["layout.csl"] and "@get_color(6)" in files["layout.csl"]
    assert "@initialize_queue(chain_in_queue, .{ .color = chain_recv });" in files["pe.csl"]


def test_an_asynchronous_send_that_no_dsd_walks_is_refused():
    lines = [
        "%c = dataflow.coord cols",
        f"%v = dataflow.view %x sizes(%c) : memref<4x8xf32> -> {VIEW}<?x3xf32, [8, 1]>",
        f"dataflow.send %v on @chain async : {VIEW}<?x3xf32, [8, 1]>",
    ]
    with pytest.raises(UnsupportedError, match="no one DSD walks it"):
        convert("\n".join([X, chain(), phase(*lines)]))


def test_a_program_without_colours_is_told_which_pass_allocates_them():
    lines = [
        f"%v = dataflow.view %x : memref<4x8xf32> -> {VIEW}<8xf32, [1]>",
        f"dataflow.recv %v on @chain : {VIEW}<8xf32, [1]>",
    ]
    with pytest.raises(ResourceError, match="run dataflow-allocate-colors"):
        convert("\n".join([X, chain("{}"), phase(*lines)]))


def test_a_queue_serves_one_channel():
    bus = """dataflow.channel @bus along cols [
      #dataflow.route<0, 0 to 1 step 1, [ramp] -> [ramp, east]>,
      #dataflow.route<0, 1 to 4 step 1, [west] -> [ramp]>]
      {colors = array<i64: 7>, input_queue = 2 : i64, output_queue = 2 : i64}"""
    lines = [
        f"%v = dataflow.view %x : memref<4x8xf32> -> {VIEW}<8xf32, [1]>",
        f"dataflow.recv %v on @chain : {VIEW}<8xf32, [1]>",
        f"dataflow.recv %v on @bus : {VIEW}<8xf32, [1]>",
    ]
    with pytest.raises(UnsupportedError, match="input_queue 2 for channels @chain and @bus"):
        convert("\n".join([X, chain(), bus, phase(*lines)]))


def test_temporaries_that_share_memory_share_an_array():
    buffers = """%a = dataflow.buffer @a temporary {address = 0 : i64} : memref<8xf32>
    %b = dataflow.buffer @b temporary {address = 16 : i64} : memref<8xf32>
    %c = dataflow.buffer @c temporary {address = 64 : i64} : memref<4xf32>"""
    view = f"%v = dataflow.view %b : memref<8xf32> -> {VIEW}<8xf32, [1]>"
    copy = f"dataflow.copy %v, %zero : {VIEW}<8xf32, [1]>, f32"
    text = convert("\n".join([buffers, phase(ZERO, view, copy)]))["pe.csl"]
    assert "var shared_f32: [12]f32" in text
    assert "|i|{8} -> shared_f32[i + 4]" in text
    assert "var c: [4]f32" in text


def test_equal_bodies_of_maps_share_a_function():
    def map_of(name: str) -> str:
        return f"""dataflow.map into %v, ins(%v : {VIEW}<8xf32, [1]>) {{
        ^bb0({name}: f32):
          %r{name[1:]} = math.exp {name} : f32
          dataflow.yield %r{name[1:]} : f32
        }} : {VIEW}<8xf32, [1]>"""

    view = f"%v = dataflow.view %x : memref<4x8xf32> -> {VIEW}<8xf32, [1]>"
    text = convert("\n".join([X, phase(view, map_of("%e"), map_of("%e"))]))["pe.csl"]
    assert text.count("exp_f32(") == 1
    assert text.count("@map(map, x_dsd, x_dsd);") == 2


def test_a_function_that_csl_does_not_have_is_refused():
    body = f"""dataflow.map into %v, ins(%v : {VIEW}<8xf32, [1]>) {{
        ^bb0(%e: f32):
          %r = math.cbrt %e : f32
          dataflow.yield %r : f32
        }} : {VIEW}<8xf32, [1]>"""
    view = f"%v = dataflow.view %x : memref<4x8xf32> -> {VIEW}<8xf32, [1]>"
    with pytest.raises(UnsupportedError, match=r"op 'math\.cbrt' on f32"):
        convert("\n".join([X, phase(view, body)]))


def test_a_matmul_walks_c_in_registers():
    lines = [
        f"%c = dataflow.view %x : memref<4x8xf32> -> {VIEW}<4x8xf32, [8, 1]>",
        f"%a = dataflow.view %p : memref<12xf32> -> {VIEW}<4x3xf32, [3, 1]>",
        f"%b = dataflow.view %q : memref<24xf32> -> {VIEW}<3x8xf32, [8, 1]>",
        f"dataflow.matmul n %c, %a, %b : {VIEW}<4x8xf32, [8, 1]>, {VIEW}<4x3xf32, [3, 1]>, "
        f"{VIEW}<3x8xf32, [8, 1]>",
    ]
    buffers = """%p = dataflow.buffer @p temporary : memref<12xf32>
    %q = dataflow.buffer @q temporary : memref<24xf32>"""
    text = convert("\n".join([X, buffers, phase(*lines)]))["pe.csl"]
    assert "for (@range(i32, 3)) |k| {" in text
    assert text.count("{ .save_address = true }") == 2
    assert "@fmacs(dest_dsr, src0_dsr, src1_dsr, scalar);" in text
    assert "@map(fmacs_step, " in text


MLP = """func.func @main(%x: tensor<{m}x{k}xf32>, %w: tensor<{k}x{n}xf32>, %b: tensor<{n}xf32>)
    -> tensor<{m}x{n}xf32> {{
  %0 = pyflame.matmul %x, %w : tensor<{m}x{k}xf32>, tensor<{k}x{n}xf32> -> tensor<{m}x{n}xf32>
  %1 = pyflame.add %0, %b : tensor<{m}x{n}xf32>, tensor<{n}xf32> -> tensor<{m}x{n}xf32>
  %2 = pyflame.relu %1 : tensor<{m}x{n}xf32> -> tensor<{m}x{n}xf32>
  func.return %2 : tensor<{m}x{n}xf32>
}}"""


def compiled(rows: int, cols: int) -> ModuleOp:
    text = MLP.format(m=4 * rows, k=4 * cols, n=4 * cols)
    module = Parser(new_context(), text).parse_module()
    lower(module, Level.CSL, Settings(rows=rows, cols=cols))
    return module


def test_text_does_not_grow_with_the_number_of_pes():
    small, large = (sum(map(len, print_files(compiled(*r)).values())) for r in ((8, 8), (900, 700)))
    assert large < 1.2 * small


def test_the_host_learns_where_tensors_go():
    program = host_program(compiled(2, 3))
    assert (program.rows, program.cols) == (2, 3)
    assert [t.name for t in program.inputs] == ["arg0", "arg1", "arg2"]
    (result,) = program.outputs
    assert (result.name, result.shape, result.tile, result.split) == (
        "result0", (8, 12), (4, 4), (0, 1)
    )  # fmt: skip
    assert program.predicted_cycles and program.predicted_cycles > 0
    assert program.stamps == ("start", "end")


def test_every_tensor_keeps_a_symbol_of_its_own():
    """Names that differ only in their number: xDSL's value names drop it."""
    tensor = "{tensor = tensor<4xf32, #mesh.layout<2x4, [-]>>}"
    buffers = "\n".join(
        f"%{name} = dataflow.buffer @{name} input {tensor} : memref<4xf32>"
        for name in ("w_0", "w_1", "w")
    )
    module = module_of(f"{buffers}\ndataflow.finish")
    ConvertDataflowToCslPass().apply(new_context(), module)
    assert [t.symbol for t in host_program(module).tensors] == ["w_0", "w_1", "w"]
    text = print_files(module)["pe.csl"]
    for name in ("w_0", "w_1", "w"):
        (pointer,) = re.findall(rf'@export_symbol\((\w+), "{name}"\)', text)
        assert f"var {pointer}: [*]f32 = &{name};" in text


def test_temporaries_of_two_types_that_shared_memory_may_not_fit():
    buffers = """%a = dataflow.buffer @a temporary {address = 0 : i64} : memref<9000xf32>
    %b = dataflow.buffer @b temporary {address = 0 : i64} : memref<9000xf16>"""
    with pytest.raises(MemoryLimitError, match=r"need 54012 bytes, wse2 has 40960"):
        convert(f"{buffers}\ndataflow.finish")
