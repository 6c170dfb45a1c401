"""The dialect object: every op, every attribute."""

from __future__ import annotations

from xdsl.ir import Dialect

from pyflame.dialects.mesh.attributes import AxisAttr, KindAttr, LayoutAttr
from pyflame.dialects.mesh.local import LOCAL
from pyflame.dialects.mesh.movement import MOVEMENT
from pyflame.dialects.mesh.panels import PANELS

Mesh = Dialect("mesh", [*LOCAL, *MOVEMENT, *PANELS], [AxisAttr, KindAttr, LayoutAttr])
"""Distributed tensors on a rectangle of PEs."""
