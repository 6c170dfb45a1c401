"""Let the two vectors that a matmul reads at once come from different memory banks."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import Float32Type, IntegerAttr, MemRefType, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from pyflame.dialects.dataflow.attributes import Purpose, Vector
from pyflame.dialects.dataflow.compute import MatmulOp
from pyflame.dialects.dataflow.program import BufferOp, ProgramOp, programs
from pyflame.dialects.dataflow.types import view_type
from pyflame.dialects.dataflow.vector import ViewOp


@dataclass(frozen=True)
class SpreadBanksPass(ModulePass):
    """Start one of a matmul's two vector sources one element later.

    An f32 multiply-add reads c and a row of b (a column of a) in every cycle. Two 32-bit reads
    run at full rate only if they start in different words of 16 bytes, at half rate otherwise
    (docs/cycle-model.md; measured: 5,124 elements take 5,130 or 10,254 cycles). Buffers
    start at multiples of 16 bytes, so one of the two temporaries gets one element of padding in
    front. Input and output buffers stay where the host expects them.
    """

    name = "dataflow-spread-banks"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Move views and widen buffers in place."""
        for program in programs(op):
            for buffer in late_buffers(program):
                _start_later(buffer)


def late_buffers(program: ProgramOp) -> list[BufferOp]:
    """The temporaries that should start a word later, in order of first use.

    Greedy in program order: a buffer that has been decided, or that the host sees, stays.
    """
    late: dict[BufferOp, bool] = {
        buffer: False for buffer in program.buffers if buffer.purpose.data is not Purpose.TEMPORARY
    }
    for matmul in program.walk():
        if not isinstance(matmul, MatmulOp) or not _reads_f32(matmul):
            continue
        source = matmul.a if matmul.vector.data is Vector.M else matmul.b
        first, second = _buffer(source), _buffer(matmul.c)
        if first in late:
            first, second = second, first
        late.setdefault(first, not late.setdefault(second, False))
    return [buffer for buffer, is_late in late.items() if is_late]


def _reads_f32(matmul: MatmulOp) -> bool:
    return isinstance(view_type(matmul.a).element, Float32Type)


def _buffer(view: SSAValue) -> BufferOp:
    assert isinstance(view.owner, ViewOp)
    buffer = view.owner.buffer.owner
    assert isinstance(buffer, BufferOp)
    return buffer


def _start_later(buffer: BufferOp) -> None:
    wider = MemRefType(buffer.type.element_type, [buffer.num_elements + 1])
    views = [use.operation for use in buffer.result.uses]
    Rewriter.replace_value_with_new_type(buffer.result, wider)
    for view in views:
        assert isinstance(view, ViewOp)
        view.base = IntegerAttr(view.base.value.data + 1, i64)
