"""Where a program runs, as SDK 2.x scripts say it: targets, simulator settings, platforms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pyflame.errors import UnsupportedError


class SdkTarget(Enum):
    """Architecture to compile for."""

    WSE2 = "wse2"
    WSE3 = "wse3"


@dataclass
class SimfabConfig:
    """Simulator settings.

    With `dump_core` the memory of every PE is written to `core_path` when the program stops
    (`SdkRuntime.dump_core`). This simulator has one thread and writes no such trace, so that
    `num_threads` and `suppress_trace` change nothing.
    """

    num_threads: int = 16
    suppress_trace: bool = False
    dump_core: bool = False
    core_path: Path | str | None = None


@dataclass(frozen=True)
class SdkCompileArtifacts:
    """A compiled directory."""

    artifacts_path: str

    def add_port_mapping(self, file: str) -> SdkCompileArtifacts:
        """Refused: the streams of a program are those of its layout.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            f"SdkCompileArtifacts.add_port_mapping of {file!r}",
            hint="leave it out: SdkRuntime finds the streams in the compiled directory",
        )


@dataclass(frozen=True)
class SdkExecutionPlatform:
    """A simulator for `target`; make one with `get_platform` or `get_simulator`."""

    config: SimfabConfig
    target: SdkTarget

    def is_simulation(self) -> bool:
        """True: there is no other platform here."""
        return True

    def is_system(self) -> bool:
        """False: there is no other platform here."""
        return False


def reject_address(cmaddr: str | None) -> None:
    """Refuse the network address of a machine.

    Raises:
        UnsupportedError: `cmaddr` is given.
    """
    if cmaddr:
        raise UnsupportedError(
            f"cmaddr={cmaddr!r}: this is PyFlame's simulator, which cannot reach a machine",
            hint="leave --cmaddr out to simulate, or run the same script with the SDK's cs_python",
        )


def get_platform(
    addr: str | None = None,
    config: SimfabConfig | None = None,
    target: SdkTarget = SdkTarget.WSE3,
) -> SdkExecutionPlatform:
    """The simulator for `target`.

    Raises:
        UnsupportedError: `addr` names a machine.
    """
    reject_address(addr)
    return SdkExecutionPlatform(config or SimfabConfig(), target)


def get_simulator(
    config: SimfabConfig | None = None, target: SdkTarget = SdkTarget.WSE3
) -> SdkExecutionPlatform:
    """The simulator for `target`."""
    return SdkExecutionPlatform(config or SimfabConfig(), target)


def get_system(addr: str) -> SdkExecutionPlatform:
    """Refused: there is no machine here.

    Raises:
        UnsupportedError: always.
    """
    reject_address(addr or "(empty)")
    raise AssertionError
