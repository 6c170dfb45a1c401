"""What a `pyflame-cs-python` run shares with the runtimes that its script makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pyflame.runtime.fabric.limits import MAX_CYCLES, MAX_INSTRUCTIONS

if TYPE_CHECKING:
    from pyflame.runtime.fabric.trace.recorder import Recording
    from pyflame.runtime.host.sdkruntime import SdkRuntime


@dataclass
class Session:
    """Options of the run, and the runtimes made in it, in order."""

    timing: str = "model"
    shuffle_seed: int | None = None
    max_cycles: int = MAX_CYCLES
    max_instructions: int = MAX_INSTRUCTIONS
    check_bounds: bool = True
    recording: Recording | None = None
    runtimes: list[SdkRuntime] = field(default_factory=list)

    def latest(self, directory: Path) -> SdkRuntime | None:
        """The runtime that was made last for the compiled `directory`."""
        wanted = directory.resolve()
        for runtime in reversed(self.runtimes):
            if runtime.directory.resolve() == wanted:
                return runtime
        return None


current = Session()
"""The session of this process."""
