"""The table that `pyflame-cs-python --report` prints."""

from __future__ import annotations

from collections.abc import Sequence

from pyflame.runtime.device import Inspectable
from pyflame.runtime.host.sdkruntime import SdkRuntime


def describe_runs(runtimes: Sequence[SdkRuntime]) -> str:
    """One block of lines for each program that was run: size, cycles, and what was busiest."""
    if not runtimes:
        return "report: the script ran no program"
    return "\n".join(_describe(runtime) for runtime in runtimes)


def _describe(runtime: SdkRuntime) -> str:
    program = runtime.program
    rows: list[tuple[str, str]] = [
        ("program", str(runtime.directory)),
        ("target", f"{program.arch}, {program.width} × {program.height} PEs"),
    ]
    if runtime.device is None:
        rows.append(("cycles", "never loaded"))
    else:
        rows.append(("cycles", f"{runtime.device.cycles:,}"))
        if isinstance(runtime.device, Inspectable):
            rows.extend(runtime.device.statistics())
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)
