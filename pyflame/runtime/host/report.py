"""What `pyflame-cs-python` says of the runs: `--report`, its JSON, the page of `--trace`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyflame.runtime.device import Inspectable
from pyflame.runtime.host.facts import machine_facts
from pyflame.runtime.host.page import trace_page
from pyflame.runtime.host.page.payload import RunView
from pyflame.runtime.host.sdkruntime import SdkRuntime
from pyflame.runtime.host.simulator import Simulator

FORMAT = "pyflame-report"
VERSION = 1


def describe_runs(runtimes: Sequence[SdkRuntime]) -> str:
    """One block of lines for each program that was run: size, cycles, and what was busiest."""
    if not runtimes:
        return "report: the script ran no program"
    return "\n".join(_describe(runtime) for runtime in runtimes)


def report_of_runs(runtimes: Sequence[SdkRuntime]) -> str:
    """The same and more as JSON: an object with `format`, `version` and one entry of `runs` each.

    Keys are documented in docs/tools/pyflame-cs-python.md; equal runs give equal texts.
    """
    runs = []
    for runtime in runtimes:
        facts: dict[str, Any] = {"program": str(runtime.directory)}
        if isinstance(runtime.device, Simulator):
            facts |= machine_facts(runtime.device.machine)
        runs.append(facts)
    head = {"format": FORMAT, "version": VERSION, "runs": runs}
    return json.dumps(head, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def trace_of_runs(runtimes: Sequence[SdkRuntime], directory: Path, problem: str = "") -> str:
    """The page that shows all runs; sources are looked for in `directory` and near the programs.

    `problem` is the error that ended the last run.

    Raises:
        LimitError: the page would be too large.
    """
    loaded = [(r, r.device) for r in runtimes if isinstance(r.device, Simulator)]
    views = [
        RunView(
            name="/".join(runtime.directory.resolve().parts[-2:]),
            machine=device.machine,
            facts=_facts(runtime),
            error=problem if number == len(loaded) - 1 else "",
            roots=_roots(runtime.directory, directory),
        )
        for number, (runtime, device) in enumerate(loaded)
    ]
    return trace_page(views)


def _roots(compiled: Path, script: Path) -> list[Path]:
    """Where the sources of a compiled directory may lie."""
    places = (script, compiled.parent, compiled, Path())
    return list(dict.fromkeys(place.resolve() for place in places))


def _describe(runtime: SdkRuntime) -> str:
    rows = [("program", str(runtime.directory)), *_facts(runtime)]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _facts(runtime: SdkRuntime) -> list[tuple[str, str]]:
    """Rows (name, value) about a run."""
    program = runtime.program
    rows = [("target", f"{program.arch}, {program.width} × {program.height} PEs")]
    if runtime.device is None:
        return [*rows, ("cycles", "never loaded")]
    rows.append(("cycles", f"{runtime.device.cycles:,}"))
    if isinstance(runtime.device, Inspectable):
        rows.extend(runtime.device.statistics())
    return rows
