"""Every level of a program on the same inputs: the first that disagrees is at fault.

The tensor level is the reference. The mesh level runs tile by tile, the csl level as the text that
ships, in the simulator; the dataflow level runs by going on to text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from pyflame.compiler.graph import Graph
from pyflame.compiler.pipelines import Level, Settings, level_of, lower, run
from pyflame.compiler.prepare import Prepared, prepare
from pyflame.compiler.simulate import simulate
from pyflame.compiler.trace import trace
from pyflame.dialects.dataflow.program import programs
from pyflame.dialects.pyflame.types import spec_of
from pyflame.errors import PyFlameError, UnsupportedError, VerifyError
from pyflame.lowering.emit.runner import compare
from pyflame.runtime.interpreters.mesh.engine import host_arguments
from pyflame.runtime.interpreters.mesh.engine import run_module as run_mesh_module
from pyflame.runtime.interpreters.tensor.engine import (
    TensorInterpreter,
    find_function,
    run_function,
)

Arrays = Mapping[str, np.ndarray]


@dataclass
class LevelReport:
    """What `verify` ran: the levels in order, the largest difference from the first by output, and
    the cycles of the simulated program (None if it was not simulated)."""

    levels: list[str] = field(default_factory=list)
    differences: dict[str, float] = field(default_factory=dict)
    cycles: int | None = None


def verify(
    program: Any,
    inputs: Arrays | None = None,
    *,
    target: str = "wse2",
    rows: int = 0,
    cols: int = 0,
    optimize: bool = True,
    seed: int = 0,
) -> LevelReport:
    """Run a program as tensors, as tiles on the mesh and as simulated CSL, and compare.

    Args:
        program: a module at the tensor level, a lazy tensor, or several of them.
        inputs: arrays by argument name; those of lazy tensors are known, others are random.
        target: architecture, ``"wse2"`` or ``"wse3"``.
        rows: rows of the rectangle where layouts leave it open; 0: chosen.
        cols: columns of it.
        optimize: run the passes that the road is passable without.
        seed: of random inputs.

    Raises:
        VerifyError: a level disagrees with the tensors; names it, the output and the element.
        PyFlameError: a level cannot be reached or run.
    """
    module, known = _module_of(program)
    if level_of(module) is not Level.TENSOR:
        raise UnsupportedError("verify of a module that is not at the tensor level")
    prepared = prepare(module, {**known, **(inputs or {})})
    values = _with_random(prepared, seed)
    report = LevelReport()
    expected: Arrays = {}
    settings = Settings(target=target, rows=rows, cols=cols, optimize=optimize)
    for level, at in run(prepared.module, Level.CSL, settings):
        if level is Level.DATAFLOW:
            continue
        outputs, cycles = _run(level, at, values)
        report.cycles = cycles or report.cycles
        if not expected:
            expected = outputs
        _check(level.name.lower(), outputs, expected)
        report.levels.append(level.name.lower())
        for name, output in outputs.items():
            worst = max(report.differences.get(name, 0.0), _difference(output, expected[name]))
            report.differences[name] = worst
    return report


def _module_of(program: Any) -> tuple[ModuleOp, Arrays]:
    """The module of what `verify` was given, and the inputs known from it."""
    if isinstance(program, ModuleOp):
        return program, {}
    tensors: Sequence[Any] = program if isinstance(program, list | tuple) else [program]
    graph = program if isinstance(program, Graph) else Graph(each._node for each in tensors)
    names = [node.name or f"arg{index}" for index, node in enumerate(graph.inputs)]
    data = {n: node.data for n, node in zip(names, graph.inputs, strict=True)}
    return trace(graph), {name: array for name, array in data.items() if array is not None}


def _with_random(prepared: Prepared, seed: int) -> dict[str, np.ndarray]:
    """A value for every argument: the known one, or standard normal numbers."""
    function = find_function(prepared.module, None)
    generator = np.random.default_rng(seed)
    values = dict(prepared.values)
    for name, argument in zip(prepared.arguments, function.args, strict=True):
        if name not in values:
            spec = spec_of(argument.type)
            values[name] = _random(generator, spec.shape, spec.dtype.numpy)
    return values


def _random(generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    high = 2 if dtype.kind == "b" else 4
    return generator.integers(0, high, shape).astype(dtype)


def _run(level: Level, module: ModuleOp, values: Arrays) -> tuple[dict[str, np.ndarray], int]:
    """Results by name of a module at a level that can be run, and cycles where they are counted."""
    if level is Level.CSL:
        simulation = simulate(module, values)
        return simulation.outputs, simulation.total_cycles
    function = find_function(module, None)
    names = list(dict.fromkeys(host_arguments(function)))
    arguments = [values[name] for name in names]
    if level is Level.TENSOR:
        results = run_function(TensorInterpreter(module), function, arguments)
    else:
        results = run_mesh_module(module, *arguments)
    return {f"result{index}": array for index, array in enumerate(results)}, 0


def _check(level: str, outputs: Arrays, expected: Arrays) -> None:
    renamed = dict(zip(outputs, expected.values(), strict=True))
    problems = compare(outputs, renamed)
    if problems:
        raise VerifyError(
            f"level {level} disagrees with level tensor:\n" + "\n".join(f"  {p}" for p in problems)
        )


def _difference(output: np.ndarray, expected: np.ndarray) -> float:
    both = np.isfinite(output) & np.isfinite(expected)
    difference = np.abs(output.astype(np.float64) - expected.astype(np.float64))[both]
    return float(difference.max(initial=0.0))


class LevelChecker:
    """Runs a module whenever it reaches a level, on inputs drawn once, and compares.

    ``pyflame-opt --verify-levels`` asks it after parsing and after every pass.
    """

    def __init__(self, ctx: Context, seed: int = 0) -> None:
        self._ctx = ctx
        self._seed = seed
        self._level: Level | None = None
        self._values: Arrays = {}
        self._expected: Arrays = {}
        self._first = ""

    def check(self, module: ModuleOp, after: str | None) -> None:
        """Run `module` if it stands on another level than at the last check.

        Raises:
            VerifyError: its results differ from those of the first level that ran.
            PyFlameError: it cannot be run.
        """
        try:
            level = level_of(module)
        except PyFlameError:
            return
        if level is self._level:
            return
        self._level = level
        if not self._expected:
            self._start(module, level)
            return
        outputs, _ = self._run(level, module)
        problems = compare(outputs, dict(zip(outputs, self._expected.values(), strict=True)))
        if problems:
            lines = "\n".join(f"  {problem}" for problem in problems)
            raise VerifyError(
                f"level {level.name.lower()}, after pass {after}, disagrees with level "
                f"{self._first}:\n{lines}"
            )

    def _start(self, module: ModuleOp, level: Level) -> None:
        if level > Level.MESH:
            raise UnsupportedError(
                f"--verify-levels of a module that starts at level {level.name.lower()}",
                hint="its inputs are known only at the tensor and mesh levels",
            )
        function = find_function(module, None)
        generator = np.random.default_rng(self._seed)
        values: dict[str, np.ndarray] = {}
        for name, argument in zip(host_arguments(function), function.args, strict=True):
            spec = spec_of(argument.type)
            values.setdefault(name, _random(generator, spec.shape, spec.dtype.numpy))
        self._values = values
        self._expected, _ = self._run(level, module)
        self._first = level.name.lower()

    def _run(self, level: Level, module: ModuleOp) -> tuple[dict[str, np.ndarray], int]:
        if level is Level.DATAFLOW:
            module = module.clone()
            lower(module, Level.CSL, Settings(target=_target(module)), self._ctx)
            level = Level.CSL
        return _run(level, module, self._values)


def _target(module: ModuleOp) -> str:
    return next((program.target.data for program in programs(module)), "wse2")
