"""Expand composite ops into simpler ones."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.decompositions import DECOMPOSITIONS, decompose
from pyflame.dialects.pyflame.elementwise import ErfOp

WHOLE: frozenset[type[PyFlameOp]] = frozenset({ErfOp})
"""Ops with a decomposition that the mesh takes whole: scalar bodies have `math.erf`."""


@dataclass(frozen=True)
class DecomposePass(ModulePass):
    """Expand every op that has a decomposition (softmax, mean, gelu …) and that scalar bodies of
    the mesh do not have as one op. Intermediate values have no layout, so this comes before
    `pyflame-assign-layouts`."""

    name = "pyflame-decompose"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Expand in place, in order; what an expansion makes is expanded in turn."""
        pending = list(op.walk())[::-1]
        while pending:
            pending.extend(_expand(pending.pop()))


def _expand(op: Operation) -> list[Operation]:
    """Replace `op` if it is composite; the new ops, last first."""
    if not isinstance(op, PyFlameOp) or type(op) in WHOLE or type(op) not in DECOMPOSITIONS:
        return []
    ops, value = decompose(op)
    for new in ops:
        new.location = op.location
    Rewriter.insert_op(ops, InsertPoint.before(op))
    Rewriter.replace_op(op, [], [value])
    return ops[::-1]
