"""Everything that a compiled program leaves on disk, as bytes by file name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from pyflame.arch import TARGETS, Arch
from pyflame.lowering.emit.directory import GENERATOR, REPORT
from pyflame.lowering.emit.host import HostProgram, host_program, run_script
from pyflame.lowering.emit.npz import npz_bytes
from pyflame.lowering.emit.printer import print_files


@dataclass(frozen=True)
class EmitOptions:
    """`comments`: print comments into the CSL files; `cmaddr`: the machine to run on, if any."""

    comments: bool = True
    cmaddr: str = ""


def artifacts(
    module: ModuleOp,
    options: EmitOptions = EmitOptions(),
    inputs: Mapping[str, np.ndarray] | None = None,
    expected: Mapping[str, np.ndarray] | None = None,
    files: Mapping[str, bytes] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, bytes]:
    """The files of a module at the csl level.

    `inputs` and `expected` are saved beside the program, and so are `files`; `extra` goes into
    the report.

    Raises:
        UnsupportedError: the module holds what CSL or the host script cannot say.
    """
    program = host_program(module)
    made = {name: text.encode() for name, text in print_files(module, options.comments).items()}
    made["run.py"] = run_script(program, options.cmaddr).encode()
    for arch in fitting_targets(program):
        made[f"commands_{arch.name}.sh"] = commands(program, arch, options.cmaddr).encode()
    for name, arrays in (("inputs.npz", inputs), ("expected.npz", expected)):
        if arrays is not None:
            made[name] = npz_bytes(arrays)
    made |= files or {}
    made[REPORT] = (json.dumps(report(program, [*made, REPORT], extra), indent=1) + "\n").encode()
    return made


def fitting_targets(program: HostProgram) -> list[Arch]:
    """The program's target, and every other architecture on which its resources exist too."""
    return [
        arch for arch in TARGETS.values() if arch.name == program.target or _fits(program, arch)
    ]


def _fits(program: HostProgram, arch: Arch) -> bool:
    cols, rows = arch.usable
    if program.rows > rows or program.cols > cols:
        return False
    for channel in program.channels.values():
        if channel.get("input_queue") not in (None, *arch.user_input_queues):
            return False
        if channel.get("output_queue") not in (None, *arch.user_output_queues):
            return False
    return True


def commands(program: HostProgram, arch: Arch, cmaddr: str = "") -> str:
    """The script that compiles and runs the program on `arch`; its arguments go to ``run.py``.

    For the simulator the fabric is just large enough, for a machine it is the whole one.
    """
    extra_cols, extra_rows = arch.memcpy_margin
    dims = (program.cols + extra_cols, program.rows + extra_rows) if not cmaddr else arch.fabric
    offsets = ",".join(map(str, arch.memcpy_offset))
    return "\n".join(
        [
            "#!/usr/bin/env bash",
            "",
            "set -e",
            'here="$(dirname "$0")"',
            "",
            f'cslc --arch={arch.name} "$here/layout.csl" --fabric-dims={dims[0]},{dims[1]} '
            f"--fabric-offsets={offsets} \\",
            '  -o "$here/out" --memcpy --channels=1',
            'cs_python "$here/run.py" --name "$here/out" "$@"',
            "",
        ]
    )


def report(
    program: HostProgram, files: list[str], extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The contents of ``report.json``: rectangle, memory of a PE, colours, queues, files."""
    arch = TARGETS[program.target]
    used = sum(program.arrays.values())
    return {
        "generator": GENERATOR,
        "target": program.target,
        "rectangle": {"rows": program.rows, "cols": program.cols},
        "tensors": {
            t.name: {
                "purpose": t.purpose,
                "shape": list(t.shape),
                "dtype": t.dtype,
                "split": [("rows", "cols")[a] if a is not None else None for a in t.split],
                "tile": list(t.tile),
            }
            for t in program.tensors
        },
        "memory": {
            "buffers": [dict(row) for row in program.buffers],
            "arrays": dict(program.arrays),
            "data_bytes": used,
            "reserved_bytes": arch.runtime_reserve_bytes,
            "limit_bytes": arch.memory_bytes,
        },
        "channels": {name: dict(row) for name, row in program.channels.items()},
        "predicted_cycles": {
            "total": program.predicted_cycles,
            "phases": [dict(row) for row in program.phases],
        },
        **(extra or {}),
        "files": files,
    }
