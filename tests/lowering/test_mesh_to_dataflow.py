"""What the lowering to one PE program gives, op by op; numbers are checked on a plain machine."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import scf
from xdsl.ir import Operation
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.dialects.dataflow.attributes import Purpose, Vector
from pyflame.dialects.dataflow.communication import RecvOp, SendOp
from pyflame.dialects.dataflow.compute import MapOp, MatmulOp
from pyflame.dialects.dataflow.program import ProgramOp, programs
from pyflame.dialects.dataflow.vector import MacOp, VectorOp
from pyflame.errors import UnsupportedError
from pyflame.lowering.mesh_to_dataflow.convert import ConvertMeshToDataflowPass
from tests.lowering.dataflow_machine import Machine


def tensor(shape: str, rectangle: str, split: str, element: str = "f32", more: str = "") -> str:
    """The type of a distributed tensor: ``tensor("4x6", "1x2", "rows, cols")``."""
    sizes = f"{shape}x" if shape else ""
    return f"tensor<{sizes}{element}, #mesh.layout<{rectangle}, [{split}]{more}>>"


def lower(arguments: str, body: str, results: str, target: str = "wse2") -> ProgramOp:
    """The program of a function; `body` returns."""
    text = f"func.func @main({arguments}) -> ({results}) {{\n{body}\n}}"
    module = Parser(new_context(), text).parse_module()
    module.verify()
    ConvertMeshToDataflowPass(target).apply(new_context(), module)
    module.verify()
    (program,) = programs(module)
    return program


def names(program: ProgramOp, purpose: Purpose) -> list[str]:
    return [b.sym_name.data for b in program.buffers if b.purpose.data is purpose]


def ops(program: ProgramOp, *kinds: type[Operation]) -> list[Operation]:
    return [op for op in program.walk() if isinstance(op, kinds)]


def elementwise(lines: str, result: str, *operands: str, size: str = "6") -> str:
    """A compute over equal layouts, ``%r = f(%a, %b, …)``; `lines` see them as %0, %1, …"""
    type, rank = tensor(size, "1x1", "-"), 1
    maps = [list(range(rank)) for _ in operands]
    ins = f"{', '.join(operands)} : {', '.join([type] * len(operands))}" if operands else ""
    args = ", ".join(f"%e{i}: f32" for i in range(len(operands)))
    head = f"^bb0({args}):\n" if operands else ""
    return f"{result} = mesh.compute ins({ins}) maps {maps} {{\n{head}{lines}\n}} : {type}\n"


V = tensor("6", "1x1", "-")
ADD = "%y = arith.addf %e0, %e1 : f32\nmesh.yield %y : f32"
EXP = "%y = math.exp %e0 : f32\nmesh.yield %y : f32"


# storage


def test_a_result_is_computed_in_its_output_through_ops_that_work_in_place() -> None:
    body = elementwise(ADD, "%p", "%a", "%b") + elementwise(EXP, "%q", "%p")
    program = lower(f"%a: {V}, %b: {V}", f"{body}func.return %q : {V}", V)
    assert names(program, Purpose.TEMPORARY) == []
    a, b = np.float32([1, 2, 3, 4, 5, 6]), np.float32([0, -1, 1, 0, -4, -7])
    np.testing.assert_allclose(Machine(program).run(a, b)[0], np.exp(a + b), rtol=1e-6)


def test_inputs_are_never_written() -> None:
    body = elementwise(EXP, "%p", "%a") + elementwise(ADD, "%q", "%p", "%a")
    program = lower(f"%a: {V}", f"{body}func.return %q : {V}", V)
    a = np.float32([1, 2, 3, 4, 5, 6])
    machine = Machine(program)
    first, again = machine.run(a)[0], machine.run(a)[0]
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, np.exp(a) + a, rtol=1e-6)


def test_a_value_that_lives_on_keeps_its_buffer() -> None:
    body = (
        elementwise(EXP, "%p", "%a")
        + elementwise(EXP, "%q", "%p")
        + elementwise(ADD, "%r", "%p", "%q")
    )
    program = lower(f"%a: {V}", f"{body}func.return %r : {V}", V)
    assert names(program, Purpose.TEMPORARY) == ["q"]
    a = np.float32([0, 1, -1, 0.5, -2, 0.25])
    np.testing.assert_allclose(Machine(program).run(a)[0], np.exp(a) + np.exp(np.exp(a)), rtol=1e-5)


def test_an_argument_and_a_value_may_be_returned_twice() -> None:
    body = elementwise(EXP, "%p", "%a") + f"func.return %a, %p, %p : {V}, {V}, {V}"
    a = np.float32([0, 1, -1, 0.5, -2, 0.25])
    same, once, twice = Machine(lower(f"%a: {V}", body, f"{V}, {V}, {V}")).run(a)
    np.testing.assert_array_equal(same, a)
    np.testing.assert_array_equal(once, twice)


def test_an_operand_that_is_also_read_transposed_is_not_overwritten() -> None:
    square = tensor("3x3", "1x1", "-, -")
    body = (
        f"%p = mesh.compute ins(%a : {square}) maps [[0, 1]] "
        f"{{\n^bb0(%e0: f32):\n{EXP}\n}} : {square}\n"
        f"%q = mesh.compute ins(%p, %p : {square}, {square}) maps [[0, 1], [1, 0]] "
        f"{{\n^bb0(%e0: f32, %e1: f32):\n{ADD}\n}} : {square}\nfunc.return %q : {square}"
    )
    a = np.float32(np.arange(9).reshape(3, 3) / 9)
    (found,) = Machine(lower(f"%a: {square}", body, square)).run(a)
    np.testing.assert_allclose(found, np.exp(a) + np.exp(a).T, rtol=1e-6)


def test_host_names_that_are_no_identifiers_are_kept_beside() -> None:
    program = lower(
        f'%a: {V} {{pyflame.name = "x.1"}}, %b: {V} {{pyflame.name = "x.1"}}',
        f"func.return %a : {V}",
        V,
    )
    inputs = [b for b in program.buffers if b.purpose.data is Purpose.INPUT]
    assert [b.sym_name.data for b in inputs] == ["x_1", "x_1_1"]
    assert [b.host_name for b in inputs] == ["x.1", "x.1"]


# bodies


def body_ops(lines: str, operands: int = 2) -> list[str]:
    names_ = ["%a", "%b"][:operands]
    body = elementwise(lines, "%p", *names_)
    program = lower(f"%a: {V}, %b: {V}", f"{body}func.return %p : {V}", V)
    return [op.name.partition(".")[2] for op in ops(program, VectorOp, MapOp)]


def test_a_product_by_a_constant_is_added_in_one_operation() -> None:
    lines = (
        "%c = arith.constant 3.0 : f32\n%m = arith.mulf %c, %e1 : f32\n"
        "%y = arith.addf %e0, %m : f32\nmesh.yield %y : f32"
    )
    assert body_ops(lines) == ["mac"]
    body = elementwise(lines, "%p", "%a", "%b")
    program = lower(f"%a: {V}, %b: {V}", f"{body}func.return %p : {V}", V)
    assert [op.builtin for op in ops(program, MacOp) if isinstance(op, MacOp)] == ["fmacs"]


@pytest.mark.parametrize("scalar", ["divf", "minimumf"])
def test_what_no_dsd_operation_does_is_one_map(scalar: str) -> None:
    lines = (
        f"%s = arith.addf %e0, %e1 : f32\n%y = arith.{scalar} %s, %e1 : f32\nmesh.yield %y : f32"
    )
    assert body_ops(lines) == ["map"]


def test_intermediate_values_stay_in_the_destination_while_they_can() -> None:
    lines = (
        "%s = arith.addf %e0, %e1 : f32\n%d = arith.subf %e0, %e1 : f32\n"
        "%y = arith.mulf %s, %d : f32\nmesh.yield %y : f32"
    )
    body, long = elementwise(lines, "%p", "%a", "%b", size="60"), tensor("60", "1x1", "-")
    program = lower(f"%a: {long}, %b: {long}", f"{body}func.return %p : {long}", long)
    assert len(ops(program, VectorOp)) == 3
    assert len(names(program, Purpose.TEMPORARY)) == 1
    a, b = np.linspace(1, 6, 60, dtype=np.float32), np.linspace(-7, 1, 60, dtype=np.float32)
    np.testing.assert_allclose(Machine(program).run(a, b)[0], (a + b) * (a - b), rtol=1e-6)


# products


def product(
    m: int, k: int, n: int, rows: int, cols: int, panel: int, element: str = "f32"
) -> ProgramOp:
    """A @ B by SUMMA."""
    rectangle = f"{rows}x{cols}"
    a = tensor(f"{m}x{k}", rectangle, "rows, cols", element)
    b = tensor(f"{k}x{n}", rectangle, "rows, cols", element)
    c = tensor(f"{m}x{n}", rectangle, "rows, cols")
    tiles = [-(-k // cols), -(-k // rows)]
    panel = min(panel, *tiles)
    ap = tensor(f"{m}x{panel}", rectangle, "rows, -", element)
    bp = tensor(f"{panel}x{n}", rectangle, "-, cols", element)
    body = f"""
      %zero = mesh.compute ins() maps [] {{
        %z = arith.constant 0.0 : f32
        mesh.yield %z : f32
      }} : {c}
      %c = mesh.for_panels (%k, %len) over {k} tiles {tiles} panel {panel}
          iter_args(%acc = %zero) -> ({c}) {{
        %ap = mesh.broadcast %a at (%k, %len) dim 1 along cols : {a} -> {ap}
        %bp = mesh.broadcast %b at (%k, %len) dim 0 along rows : {b} -> {bp}
        %n = mesh.matmul %acc, %ap, %bp over %len : {c}, {ap}, {bp} -> {c}
        mesh.yield %n : {c}
      }}
      func.return %c : {c}"""
    return lower(f"%a: {a}, %b: {b}", body, c)


def is_constant_size(program: ProgramOp) -> bool:
    return not any("?" in str(op.operands[0].type) for op in ops(program, SendOp, RecvOp))


@pytest.mark.parametrize(
    ("shape", "rectangle", "panel"),
    [
        ((4, 4, 4), (2, 2), 2),
        ((5, 7, 3), (2, 3), 3),
        ((8, 17, 6), (3, 2), 4),
        ((3, 5, 9), (1, 4), 2),
        ((9, 5, 3), (4, 1), 9),
        ((2, 6, 2), (2, 5), 5),
        ((3, 3, 3), (1, 1), 2),
    ],
)
@pytest.mark.parametrize("element", ["f32", "f16"])
def test_products_of_any_shape_on_any_rectangle(
    shape: tuple[int, int, int], rectangle: tuple[int, int], panel: int, element: str
) -> None:
    m, k, n = shape
    rng = np.random.default_rng(1)
    type = np.float32 if element == "f32" else np.float16
    a, b = rng.uniform(-1, 1, (m, k)).astype(type), rng.uniform(-1, 1, (k, n)).astype(type)
    (found,) = Machine(product(m, k, n, *rectangle, panel, element)).run(a, b)
    np.testing.assert_allclose(found, a.astype(np.float32) @ b.astype(np.float32), atol=1e-5)


def test_panels_of_one_length_have_constant_sizes() -> None:
    assert is_constant_size(product(8, 16, 8, 4, 4, 2))
    assert not is_constant_size(product(8, 15, 8, 4, 4, 2))


def test_the_longer_side_of_the_product_is_vectorised() -> None:
    (wide,) = ops(product(4, 4, 16, 2, 2, 2), MatmulOp)
    (tall,) = ops(product(16, 4, 4, 2, 2, 2), MatmulOp)
    assert isinstance(wide, MatmulOp) and isinstance(tall, MatmulOp)
    assert (wide.vector.data, tall.vector.data) == (Vector.N, Vector.M)


def test_axes_of_one_pe_have_no_channels() -> None:
    assert [c.axis.data.value for c in product(4, 8, 4, 1, 4, 2).channels] == ["cols", "cols"]
    assert product(4, 8, 4, 1, 1, 2).channels == ()


def test_the_text_does_not_grow_with_the_rectangle() -> None:
    small = str(product(16 * 4, 16 * 9, 16 * 9, 4, 9, 16))
    large = str(product(16 * 700, 16 * 740, 16 * 740, 700, 740, 16))
    assert len(large.splitlines()) == len(small.splitlines())
    assert len(large) < 1.1 * len(small)


# reductions and collectives

REDUCERS = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min}


@pytest.mark.parametrize("kind", REDUCERS)
@pytest.mark.parametrize("cols", [1, 2, 5])
@pytest.mark.parametrize("element", ["f32", "f16"])
def test_reductions_over_a_cut_dimension_with_short_and_empty_tiles(
    kind: str, cols: int, element: str
) -> None:
    rectangle = f"2x{cols}"
    wide = "f32" if kind in ("sum", "prod") else element
    x = tensor("3x6", rectangle, "rows, cols", element)
    partial = tensor("3", rectangle, "rows", wide, f", partial {kind} [cols]")
    y = tensor("3", rectangle, "rows", wide)
    body = f"""
      %s = mesh.local_reduce {kind} %x dims [1] : {x} -> {partial}
      %r = mesh.all_reduce {kind} %s along cols : {partial} -> {y}
      func.return %r : {y}"""
    array = np.random.default_rng(0).uniform(-2, 2, (3, 6))
    array = array.astype(np.float32 if element == "f32" else np.float16)
    (found,) = Machine(lower(f"%x: {x}", body, y)).run(array)
    wanted = REDUCERS[kind](array.astype(np.float32), axis=1)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("total", [4, 5, 8, 2])
def test_gathering_and_slicing_a_dimension(total: int) -> None:
    x, whole = tensor(f"3x{total}", "1x4", "-, cols"), tensor(f"3x{total}", "1x4", "-, -")
    body = f"""
      %g = mesh.all_gather %x dim 1 along cols : {x} -> {whole}
      %s = mesh.all_slice %g dim 1 along cols : {whole} -> {x}
      func.return %g, %s : {whole}, {x}"""
    array = np.float32(np.arange(3 * total).reshape(3, total))
    gathered, sliced = Machine(lower(f"%x: {x}", body, f"{whole}, {x}")).run(array)
    np.testing.assert_array_equal(gathered, array)
    np.testing.assert_array_equal(sliced, array)


@pytest.mark.parametrize("root", [0, 1, 2])
def test_gathering_to_one_pe_and_scattering_from_it(root: int) -> None:
    x = tensor("7", "3x1", "rows")
    rooted = tensor("7", "3x1", "-", more=f", on [rows {root}]")
    body = f"""
      %g = mesh.gather %x dim 0 along rows root {root} : {x} -> {rooted}
      %s = mesh.scatter %g dim 0 along rows : {rooted} -> {x}
      func.return %s : {x}"""
    array = np.float32(np.arange(7))
    np.testing.assert_array_equal(Machine(lower(f"%x: {x}", body, x)).run(array)[0], array)


def test_a_loop_is_emitted_for_a_batch() -> None:
    a, b = tensor("3x2x4", "1x1", "-, -, -"), tensor("1x4x5", "1x1", "-, -, -")
    c = tensor("3x2x5", "1x1", "-, -, -")
    body = f"%r = mesh.matmul %c, %a, %b : {c}, {a}, {b} -> {c}\nfunc.return %r : {c}"
    program = lower(f"%c: {c}, %a: {a}, %b: {b}", body, c)
    assert len(ops(program, scf.ForOp)) == 1
    rng = np.random.default_rng(2)
    arrays = [rng.uniform(-1, 1, s).astype(np.float32) for s in ((3, 2, 5), (3, 2, 4), (1, 4, 5))]
    np.testing.assert_allclose(
        Machine(program).run(*arrays)[0], arrays[0] + arrays[1] @ arrays[2], atol=1e-5
    )


# refusals


def test_everything_without_a_lowering_is_listed_at_once() -> None:
    x, wide = tensor("8", "1x4", "cols"), tensor("16", "1x4", "cols")
    empty = tensor("0", "1x4", "cols")
    body = f"""
      %s = mesh.shift %x along cols offset 1 : {x} -> {x}
      %h = mesh.halo_exchange %x halo low [1] high [1] : {x} -> {wide}
      func.return %s, %h : {x}, {wide}"""
    with pytest.raises(UnsupportedError) as caught:
        lower(f"%x: {x}, %y: {empty}", body, f"{x}, {wide}")
    assert str(caught.value) == (
        "3 things are not supported:\n"
        f"  - argument 1 of no elements, {empty} at function 'main': nothing to compute\n"
        "  - mesh.shift at function 'main': no route for shifts yet\n"
        "  - mesh.halo_exchange at function 'main': no route for halos yet\n"
        "docs/status.md lists what is planned."
    )
