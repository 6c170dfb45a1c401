"""What PyFlame adds to xDSL's tools.

The entry point ``xdsl.universe`` in pyproject.toml names `PYFLAME_UNIVERSE`, so that xDSL's own
``xdsl-opt`` knows PyFlame's dialects, passes and targets wherever PyFlame is installed.
"""

from __future__ import annotations

from functools import partial
from pkgutil import resolve_name

from xdsl.universe import Universe

from pyflame.dialects import get_all_dialects
from pyflame.passes import get_all_passes

TARGETS: dict[str, str] = {
    "pyflame-csl": "pyflame.lowering.emit.target:CslTextTarget",
}
"""Target name → ``"module:Class"``: texts that a module can be written as."""

PYFLAME_UNIVERSE = Universe(
    all_dialects=get_all_dialects(),
    all_passes=get_all_passes(),
    all_targets={name: partial(resolve_name, path) for name, path in TARGETS.items()},
)
"""PyFlame's dialects, passes and targets; every entry is imported at its first use."""
