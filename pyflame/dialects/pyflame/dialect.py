"""The dialect object: every op family, every attribute."""

from __future__ import annotations

from xdsl.ir import Dialect

from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.contraction import CONTRACTIONS
from pyflame.dialects.pyflame.creation import CREATION
from pyflame.dialects.pyflame.elementwise import ELEMENTWISE, DirectionAttr, GeluFormAttr
from pyflame.dialects.pyflame.movement import MOVEMENT
from pyflame.dialects.pyflame.reduction import REDUCTIONS

OPS: tuple[type[PyFlameOp], ...] = (
    *ELEMENTWISE,
    *CONTRACTIONS,
    *REDUCTIONS,
    *MOVEMENT,
    *CREATION,
)
"""Every op class of the dialect."""

OP_BY_NAME: dict[str, type[PyFlameOp]] = {op.mnemonic(): op for op in OPS}
"""Mnemonic to op class."""

PyFlame = Dialect("pyflame", list(OPS), [DirectionAttr, GeluFormAttr])
