"""Published cycle counts that pin the model's constants, on the programs of benchmarks/cycles.

All points and their sources: docs/cycle-model.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyflame.arch import target
from pyflame.runtime.csl import compile_program
from pyflame.runtime.fabric.machine import Machine

PROGRAMS = Path(__file__).parents[3] / "benchmarks" / "cycles"
ROWS = {"code": "rows.csl", "rows": 8, "inner": 8, "columns": 36}
MAP = {"code": "map.csl", "inner": 8, "columns": 8}
COLUMNS = {"code": "gemm.csl", "rows": 32, "inner": 32, "columns": 32}
LISTS = {"code": "csr.csl", "rows": 8, "inner": 8, "columns": 36}


@pytest.mark.parametrize(
    ("layout", "arch", "pes", "parameters", "published", "tolerance"),
    [
        ("single.csl", "wse2", 1, ROWS, 7_179, 0.15),
        ("single.csl", "wse2", 1, LISTS, 7_522, 0.20),
        ("single.csl", "wse3", 1, {**MAP, "rows": 8}, 540, 0.10),
        ("single.csl", "wse3", 1, {**MAP, "rows": 16}, 674, 0.10),
        ("single.csl", "wse3", 1, {**MAP, "rows": 8, "columns": 1}, 355, 0.10),
        ("single.csl", "wse2", 1, COLUMNS, 88_795, 0.15),
    ],
    ids=[
        "fmacs by coordinates",
        "fmacs by rows",
        "map of 8",
        "map of 16",
        "map of one",
        "fmacs along columns",
    ],
)
def test_loops_take_what_was_measured(
    layout: str,
    arch: str,
    pes: int,
    parameters: dict[str, int | bool | str],
    published: int,
    tolerance: float,
) -> None:
    margin = target(arch).memcpy_margin
    program = compile_program(
        PROGRAMS / layout,
        arch=arch,
        params=parameters,
        fabric_dims=(pes + margin[0], pes + margin[1]),
        fabric_offsets=target(arch).memcpy_offset,
    )
    machine = Machine(program)
    machine.launch("main")
    machine.complete()
    taken = machine.read_symbol_array("cycles", 0, 0, pes, pes, 1, np.uint32)
    assert int(taken.max()) == pytest.approx(published, rel=tolerance)


@pytest.mark.parametrize("group", [6, 32])
def test_two_phase_reduction_takes_what_the_formula_says(
    group: int,
) -> None:
    """HPDC'24, T_R = 2: a chain costs W + 6 (P - 1); between leaders a step costs group + 5."""
    pes, words = 32, 64
    program = compile_program(
        PROGRAMS / "line.csl",
        arch="wse2",
        params={"code": "reduce.csl", "pes": pes, "words": words, "group": group},
        fabric_dims=(pes + 7, 3),
        fabric_offsets=(4, 1),
    )
    machine = Machine(program)
    machine.launch("main")
    machine.complete()
    leaders = -(-pes // group)
    near = words + 6 * (group - 1)
    far = (words if leaders > 1 else 0) + (group + 5) * (leaders - 1)
    taken = int(machine.read_symbol_array("cycles", 0, 0, 1, 1, 1, np.uint32).flat[0])
    assert taken == pytest.approx(near + far, abs=24)
