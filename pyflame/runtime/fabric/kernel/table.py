"""What each DSD operation needs: element sizes in bytes and how many sources."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.isa import DsdOp

_TWO, _FOUR = 2, 4


def _rows() -> dict[DsdOp, tuple[int, int, int, int]]:
    """(destination, src0, src1, scalar) sizes; 0 where there is no such operand."""
    rows: dict[DsdOp, tuple[int, int, int, int]] = {}
    for op in DsdOp:
        rows[op] = (2, 2, 2, 0)
    unary16 = (
        DsdOp.MOV16, DsdOp.FMOVH, DsdOp.FNEGH, DsdOp.FABSH, DsdOp.FH2XP16, DsdOp.XP162FH, DsdOp.CLZ,
        DsdOp.CTZ, DsdOp.POPCNT, DsdOp.FNORMH,
    )  # fmt: skip
    for op in unary16:
        rows[op] = (2, 2, 0, 0)
    for op in (DsdOp.MOV32, DsdOp.FMOVS, DsdOp.FNEGS, DsdOp.FABSS, DsdOp.FNORMS):
        rows[op] = (4, 4, 0, 0)
    for op in (DsdOp.FADDS, DsdOp.FSUBS, DsdOp.FMULS, DsdOp.FMAXS):
        rows[op] = (4, 4, 4, 0)
    rows[DsdOp.FMACS] = (4, 4, 4, 4)
    rows[DsdOp.FMACH] = (2, 2, 2, 2)
    rows[DsdOp.FMACHS] = (4, 4, 2, 2)
    rows[DsdOp.FADDHS] = (4, 4, 2, 0)
    rows[DsdOp.FH2S] = (4, 2, 0, 0)
    rows[DsdOp.FS2H] = (2, 4, 0, 0)
    rows[DsdOp.FS2XP16] = (2, 4, 0, 0)
    rows[DsdOp.XP162FS] = (4, 2, 0, 0)
    rows[DsdOp.FSCALES] = (4, 4, 2, 0)
    rows[DsdOp.DFILT] = (0, 4, 0, 0)
    return rows


SIZES = _rows()
SIZE_TABLE = np.array([SIZES[op] for op in DsdOp], np.int64)
"""The same as an array for the kernel."""
