"""Compiling tensors, graphs and modules to a directory with a CSL program and its host script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

from pyflame.arch import TARGETS
from pyflame.compiler.fitting import lower_to_csl
from pyflame.compiler.graph import Graph, Node
from pyflame.compiler.pipelines import Level, Settings, level_of, run
from pyflame.compiler.prepare import Prepared, prepare
from pyflame.compiler.trace import trace
from pyflame.errors import Gap, PyFlameError, ShapeError, UnsupportedError
from pyflame.lowering.emit.artifacts import EmitOptions, artifacts
from pyflame.lowering.emit.directory import write_directory
from pyflame.lowering.emit.host import host_program
from pyflame.runtime.interpreters.tensor.engine import (
    TensorInterpreter,
    find_function,
    run_function,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_ADDRESS = re.compile(r"[A-Za-z0-9._\-\[\]:]*[A-Za-z0-9\]]:\d{1,5}")


@dataclass
class CodeGenOptions:
    """How a program is compiled.

    Attributes:
        output_dir: Where the program is written.
        target: ``"wse2"`` or ``"wse3"``.
        optimize: Run the passes that the road to CSL is passable without.
        generate_debug_info: Stamp the time after every phase of the program, and write the module
            at every level beside it.
        emit_comments: Say in the CSL files where things come from.
        fabric_width: Columns of the rectangle of PEs where layouts leave it open; 0: chosen.
        fabric_height: Rows of it; 0: chosen.
        runtime_address: ``"host:port"`` of the machine that the host script runs on unless its
            command line names another; empty: the simulator.
    """

    output_dir: str = "./pyflame_csl_output"
    target: str = "wse2"
    optimize: bool = True
    generate_debug_info: bool = False
    emit_comments: bool = True
    fabric_width: int = 0
    fabric_height: int = 0
    runtime_address: str = ""

    def check(self) -> None:
        """Refuse options that mean nothing.

        Raises:
            UnsupportedError: all that is wrong with them.
        """
        problems: list[str] = []
        if self.target not in TARGETS:
            problems.append(f"target {self.target!r}; expected one of {', '.join(TARGETS)}")
        else:
            limits = zip(
                ("fabric_width", "fabric_height"), TARGETS[self.target].usable, strict=True
            )
            for name, limit in limits:
                if not 0 <= getattr(self, name) <= limit:
                    problems.append(f"{name} {getattr(self, name)}; expected 0 to {limit}")
        if self.runtime_address and not _ADDRESS.fullmatch(self.runtime_address):
            problems.append(f"runtime_address {self.runtime_address!r}; expected host:port")
        if not str(self.output_dir):
            problems.append("an empty output_dir")
        if problems:
            raise UnsupportedError([Gap(problem, "CodeGenOptions") for problem in problems])

    @property
    def settings(self) -> Settings:
        """The options as the passes know them."""
        return Settings(
            target=self.target,
            rows=self.fabric_height,
            cols=self.fabric_width,
            optimize=self.optimize,
            phase_times=self.generate_debug_info,
        )


@dataclass
class CodeGenResult:
    """What a compilation left.

    Attributes:
        success: Whether it succeeded.
        output_dir: The directory that holds the program.
        generated_files: Paths of all files of the program.
        error_message: Why it failed; empty if it did not.
        sources: Text files of the program by name.
        rectangle: (rows, columns) of PEs that the program runs on.
    """

    success: bool
    output_dir: str
    generated_files: list[str] = field(default_factory=list)
    error_message: str = ""
    sources: dict[str, str] = field(default_factory=dict)
    rectangle: tuple[int, int] = (0, 0)


class _HasNode(Protocol):
    """A tensor, which the compiler knows only by its node."""

    _node: Node


class CSLCodeGenerator:
    """Generates CSL programs from graphs of lazy tensors."""

    def generate(self, graph: Graph, options: CodeGenOptions | None = None) -> CodeGenResult:
        """Compile `graph`, save its data and the expected results beside the program.

        A graph that cannot be compiled gives a result without `success`, its `error_message` says
        why.
        """
        options = options or CodeGenOptions()
        try:
            return compile_graph_to_csl(graph, options)
        except PyFlameError as error:
            return CodeGenResult(False, str(options.output_dir), error_message=str(error))


def compile_to_csl(
    tensor: _HasNode | Sequence[_HasNode], options: CodeGenOptions | None = None
) -> CodeGenResult:
    """Compile what `tensor` (or each of several) is computed from; as `CSLCodeGenerator`."""
    tensors = tensor if isinstance(tensor, list | tuple) else [tensor]
    return CSLCodeGenerator().generate(Graph(each._node for each in tensors), options)  # pyright: ignore[reportAttributeAccessIssue]


def compile_graph_to_csl(graph: Graph, options: CodeGenOptions) -> CodeGenResult:
    """As `CSLCodeGenerator.generate`, but raises.

    Raises:
        PyFlameError: the graph cannot be compiled, or the program not be written.
    """
    module = trace(graph)
    names = [node.name or f"arg{index}" for index, node in enumerate(graph.inputs)]
    inputs = {name: _data(node) for name, node in zip(names, graph.inputs, strict=True)}
    if len(inputs) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise PyFlameError(f"several inputs are called {', '.join(map(repr, twice))}")
    return compile_module(module, options, inputs)


def _data(node: Node) -> np.ndarray:
    assert node.data is not None
    return node.data


def compile_module(
    module: ModuleOp,
    options: CodeGenOptions | None = None,
    inputs: Mapping[str, np.ndarray] | None = None,
) -> CodeGenResult:
    """Compile a module at any level from tensors down to CSL and write the program.

    `inputs` are saved beside the program by argument name; if they are all there, so are the
    expected results.

    Raises:
        PyFlameError: the module cannot be compiled, or the program not be written.
    """
    options = options or CodeGenOptions()
    options.check()
    files, rectangle = program_files(module, options, inputs)
    paths = write_directory(Path(options.output_dir), files)
    return CodeGenResult(
        success=True,
        output_dir=str(options.output_dir),
        generated_files=[str(path) for path in paths],
        sources={
            name: content.decode() for name, content in files.items() if not name.endswith(".npz")
        },
        rectangle=rectangle,
    )


def program_files(
    module: ModuleOp,
    options: CodeGenOptions,
    inputs: Mapping[str, np.ndarray] | None = None,
) -> tuple[dict[str, bytes], tuple[int, int]]:
    """The files of a compiled module by name, and its rectangle (rows, columns)."""
    values: Mapping[str, np.ndarray] = dict(inputs or {})
    expected: Mapping[str, np.ndarray] | None = None
    if level_of(module) is Level.TENSOR:
        prepared = prepare(module, inputs)
        expected = reference(prepared) if prepared.complete else None
        module, values = prepared.module, prepared.values
    lowered = lower_to_csl(module, options.settings)
    program = host_program(lowered)
    _check_inputs(values, [tensor.name for tensor in program.inputs])
    emit = EmitOptions(options.emit_comments, options.runtime_address)
    rectangle = program.rows, program.cols
    texts = level_texts(module, options.settings, rectangle) if options.generate_debug_info else {}
    return artifacts(lowered, emit, values or None, expected, files=texts), rectangle


def _check_inputs(values: Mapping[str, np.ndarray], known: list[str]) -> None:
    unknown = [name for name in values if name not in known]
    if unknown:
        raise ShapeError(
            f"inputs {', '.join(map(repr, unknown))} are given, "
            f"but the program takes {', '.join(map(repr, known)) or 'none'}"
        )


def reference(prepared: Prepared) -> dict[str, np.ndarray]:
    """Results by name, as the CPU reference computes them."""
    function = find_function(prepared.module, None)
    arguments = [prepared.values[name] for name in prepared.arguments]
    results = run_function(TensorInterpreter(prepared.module), function, arguments)
    return dict(zip(prepared.results, results, strict=True))


def level_texts(
    module: ModuleOp, settings: Settings, rectangle: tuple[int, int]
) -> dict[str, bytes]:
    """The module at every level down to CSL, as text by file name."""
    rows, cols = rectangle
    texts: dict[str, bytes] = {}
    for level, at in run(module.clone(), Level.CSL, replace(settings, rows=rows, cols=cols)):
        stream = StringIO()
        Printer(stream).print_op(at)
        texts[f"program.{level.name.lower()}.mlir"] = f"{stream.getvalue()}\n".encode()
    return texts
