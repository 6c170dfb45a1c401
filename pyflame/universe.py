"""What PyFlame adds to xDSL's tools.

The entry point ``xdsl.universe`` in pyproject.toml names `PYFLAME_UNIVERSE`, so that xDSL's own
``xdsl-opt`` knows PyFlame's dialects and passes wherever PyFlame is installed.
"""

from __future__ import annotations

from xdsl.universe import Universe

from pyflame.dialects import get_all_dialects
from pyflame.passes import get_all_passes

PYFLAME_UNIVERSE = Universe(all_dialects=get_all_dialects(), all_passes=get_all_passes())
"""PyFlame's dialects and passes; every entry is imported at its first use."""
