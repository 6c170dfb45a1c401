"""Results must not depend on time: unit costs, other costs, shuffled tasks, deeper FIFOs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pyflame.arch import WSE2
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.programs import broadcast, chain, two_pes, values

SLOW = replace(WSE2.cycles, hop=3, ramp=5, task_start=1, dsd_setup=50)
SETTINGS = [
    {"timing": "unit"}, {"shuffle_seed": 1}, {"shuffle_seed": 2, "timing": "unit"},
    {"cycles": SLOW}, {"fifo_depth": 1}, {"fifo_depth": 7},
]  # fmt: skip


@pytest.mark.parametrize("options", SETTINGS, ids=str)
@pytest.mark.parametrize("make", [lambda: chain(4, 9), lambda: broadcast(4, 9), two_pes])
def test_same_values_under_any_timing(make: Any, options: dict[str, Any]) -> None:
    results = []
    for chosen in ({}, options):
        code, array = make()
        machine = Machine(code, **chosen)
        machine.launch("go")
        results.append([values(machine, array, x) for x in range(code.width)])
    for expected, got in zip(*results, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_the_same_run_gives_the_same_cycles() -> None:
    cycles = set()
    for _ in range(2):
        machine = Machine(chain(5, 20)[0])
        machine.launch("go")
        cycles.add(machine.cycles)
    assert len(cycles) == 1


def test_several_launches_continue_on_one_clock() -> None:
    code, v = two_pes(4)
    machine = Machine(code)
    machine.launch("go")
    first = machine.cycles
    machine.launch("go")
    np.testing.assert_array_equal(values(machine, v, 1), 100 + 2 * np.arange(4))
    assert machine.cycles > first
