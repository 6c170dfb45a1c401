"""Opening the simulator."""

from __future__ import annotations

from pathlib import Path

from pyflame.errors import SimulationError
from pyflame.runtime.device import Device
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.host.artifact import read_artifact
from pyflame.runtime.host.session import DEFAULT_MAX_CYCLES

TIMINGS = ("model", "unit")
"""Cycle costs: the architecture's model, or one cycle for everything."""


def open_simulator(
    directory: Path,
    *,
    program: Program | None = None,
    timing: str = "model",
    shuffle_seed: int | None = None,
    max_cycles: int = DEFAULT_MAX_CYCLES,
) -> Device:
    """The simulator, running the program of `directory` (or `program`, if it is read already).

    Raises:
        SimulationError: `timing` is unknown.
    """
    if timing not in TIMINGS:
        raise SimulationError(f"timing is {timing!r}; expected one of {', '.join(TIMINGS)}")
    from pyflame.runtime.fabric.machine import Machine

    return Machine(
        program if program is not None else read_artifact(directory),
        timing=timing,
        shuffle_seed=shuffle_seed,
        max_cycles=max_cycles,
    )
