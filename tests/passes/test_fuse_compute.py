"""`mesh-fuse-compute` merges what it should, within bounds."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.dialects.mesh.local import ComputeOp
from pyflame.passes.fuse_compute import LONGEST_BODY, FuseComputePass

TYPE = "tensor<8xf32, #mesh.layout<1x2, [cols]>>"


def chain(length: int) -> ModuleOp:
    """sin(sin(… %0)), fused."""
    lines = [
        f"%{i + 1} = mesh.compute ins(%{i} : {TYPE}) maps [[0]] {{\n"
        f"^bb0(%e: f32):\n%r = math.sin %e : f32\nmesh.yield %r : f32 }} : {TYPE}"
        for i in range(length)
    ]
    body = "\n".join(lines)
    text = f"func.func @main(%0: {TYPE}) -> {TYPE} {{\n{body}\nreturn %{length} : {TYPE}\n}}"
    module = Parser(new_context(), text).parse_module()
    FuseComputePass().apply(new_context(), module)
    module.verify()
    return module


def bodies(module: ModuleOp) -> list[int]:
    """Scalar ops of every body."""
    return [len(op.body.block.ops) - 1 for op in module.walk() if isinstance(op, ComputeOp)]


def test_a_chain_becomes_one_body() -> None:
    assert bodies(chain(20)) == [20]


def test_a_long_chain_becomes_bodies_of_bounded_length() -> None:
    assert bodies(chain(2 * LONGEST_BODY + 50)) == [LONGEST_BODY + 1, LONGEST_BODY + 1, 48]


def test_a_tensor_that_is_read_twice_is_an_operand_once() -> None:
    text = f"""func.func @main(%x: {TYPE}) -> {TYPE} {{
      %y = mesh.compute ins(%x, %x : {TYPE}, {TYPE}) maps [[0], [0]] {{
      ^bb0(%a: f32, %b: f32):
        %s = arith.mulf %a, %b : f32
        mesh.yield %s : f32
      }} : {TYPE}
      return %y : {TYPE}
    }}"""
    module = Parser(new_context(), text).parse_module()
    FuseComputePass().apply(new_context(), module)
    (compute,) = [op for op in module.walk() if isinstance(op, ComputeOp)]
    assert len(compute.ins) == 1
