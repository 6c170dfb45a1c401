"""The dialect object: every op, attribute and type."""

from __future__ import annotations

from xdsl.ir import Dialect

from pyflame.dialects.dataflow.attributes import (
    DirectionAttr,
    PurposeAttr,
    RouteAttr,
    VectorAttr,
)
from pyflame.dialects.dataflow.communication import COMMUNICATION
from pyflame.dialects.dataflow.compute import COMPUTE
from pyflame.dialects.dataflow.program import PROGRAM
from pyflame.dialects.dataflow.roles import ROLES
from pyflame.dialects.dataflow.types import TokenType, ViewType
from pyflame.dialects.dataflow.vector import VECTOR, ViewOp

Dataflow = Dialect(
    "dataflow",
    [*PROGRAM, *ROLES, ViewOp, *VECTOR, *COMPUTE, *COMMUNICATION],
    [DirectionAttr, PurposeAttr, RouteAttr, VectorAttr, TokenType, ViewType],
)
