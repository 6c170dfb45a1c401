"""``pyflame-translate``: a model in one form becomes the same model in another."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from pyflame.cli import common, csl_files
from pyflame.cli.importers import importer, suffixes
from pyflame.dialects.guard import parse_module, read_source
from pyflame.dialects.guard.module import recursion_room
from pyflame.errors import UnsupportedError
from pyflame.version import __version__

if TYPE_CHECKING:
    import numpy as np
    from xdsl.dialects.builtin import ModuleOp

PROG = "pyflame-translate"
TARGETS = ("wse2", "wse3")


@dataclass
class Model:
    """A module, what messages call it, and the values of its weights by argument name."""

    module: ModuleOp
    source: str
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(PROG, description="Translate a model into another form.")
    parser.add_argument("input", nargs="?", help="an .mlir or model file; - or none is stdin")
    parser.add_argument("-o", "--output", metavar="PATH", help="file, or directory of CSL files")
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument("--emit-mlir", action="store_true", help="print the module")
    form.add_argument("--emit-csl", action="store_true", help="compile to CSL with a host script")
    form.add_argument("--import-onnx", action="store_true", help="print an ONNX model as a module")
    csl_files.add_forms(form)
    parser.add_argument("--generic", action="store_true", help="print ops in the generic form")
    parser.add_argument(
        "--print-debuginfo", action="store_true", help="print each op's place in its source"
    )
    parser.add_argument(
        "--input-shape", action="append", default=[], metavar="NAME=1x28x28",
        help="shape of a model's input where the model leaves it open; may be repeated",
    )  # fmt: skip
    csl = parser.add_argument_group("options of --emit-csl")
    csl.add_argument("--target", choices=TARGETS, default=TARGETS[0])
    csl.add_argument("--fabric-width", type=int, default=0, metavar="PES", help="0: chosen for you")
    csl.add_argument("--fabric-height", type=int, default=0, metavar="PES")
    csl.add_argument("--inputs", metavar="NPZ", help="inputs to save beside the program")
    csl.add_argument("--seed", type=int, metavar="N", help="random inputs for those not given")
    csl.add_argument("--weights", metavar="FILE", help="values of a module's weights "
                     "(default: the .safetensors file beside it)")  # fmt: skip
    csl_files.add_options(parser)
    parser.add_argument("-v", "--version", action="version", version=f"{PROG} {__version__}")
    common.add_limit_options(parser)
    return parser


def translate(arguments: argparse.Namespace) -> int:
    """Do what the command line asks; return the exit code."""
    limits = common.limits_from(arguments)
    with recursion_room(limits):
        model = load(arguments)
        if arguments.emit_csl:
            emit_csl(model, arguments)
        elif arguments.export_csl:
            csl_files.write_program(PROG, model.module, arguments.output)
        else:
            emit_mlir(model, arguments)
    return common.OK


def load(arguments: argparse.Namespace) -> Model:
    """The input as a module: parsed where it is MLIR, imported where it is a model file."""
    path = arguments.input
    shapes = shapes_of(arguments.input_shape)
    if arguments.import_csl:
        if shapes:
            raise common.UsageError("--input-shape is for model files; CSL has --params")
        return Model(csl_files.read_program(arguments), path)
    suffix = ".onnx" if arguments.import_onnx else Path(path or "").suffix
    if arguments.import_onnx or (suffix not in ("", ".mlir") and suffix in suffixes()):
        if path in (None, "-"):
            raise common.UsageError("an ONNX model is read from a file, not from standard input")
        imported = importer(suffix)(Path(path)).to_module(shapes)
        return Model(imported.module, path, imported.weights)
    if shapes:
        raise common.UsageError(
            "--input-shape is for model files; the shapes of a module are fixed"
        )
    limits = common.limits_from(arguments)
    source = common.read_stdin_or(path)
    file = read_source(source, "<stdin>" if path in (None, "-") else path, limits)
    return Model(parse_module(file, limits=limits), file.name)


def shapes_of(options: Sequence[str]) -> dict[str, list[int]]:
    """The values of ``--input-shape``: ``x=1x28x28`` is ``{"x": [1, 28, 28]}``.

    Raises:
        UsageError: a value has another form.
    """
    shapes: dict[str, list[int]] = {}
    for option in options:
        name, equals, sizes = option.rpartition("=")
        parts = sizes.split("x") if sizes else []
        if not equals or not name or not all(part.isascii() and part.isdigit() for part in parts):
            raise common.UsageError(f"--input-shape {option}: expected NAME=SIZExSIZE…")
        shapes[name] = [int(part) for part in parts]
    return shapes


def emit_mlir(model: Model, arguments: argparse.Namespace) -> None:
    """Print the module; weights of an imported model go to a file beside it."""
    from xdsl.printer import Printer

    stream = StringIO()
    Printer(
        stream,
        print_generic_format=arguments.generic,
        print_debuginfo=arguments.print_debuginfo,
    ).print_op(model.module)
    if model.weights:
        from pyflame.cli.arrays import write_weights

        if arguments.output in (None, "-"):
            common.say(
                f"{PROG}: note: {len(model.weights)} weights are arguments of the function; "
                "with -o FILE.mlir their values are written to FILE.safetensors"
            )
        else:
            write_weights(Path(arguments.output).with_suffix(".safetensors"), model.weights)
    common.write_output(arguments.output, stream.getvalue() + "\n")


def emit_csl(model: Model, arguments: argparse.Namespace) -> None:
    """Compile the module and write the program."""
    from pyflame.cli import arrays

    weights = model.weights or stored_weights(model, arguments)
    given = arrays.read_npz(Path(arguments.inputs)) if arguments.inputs else {}
    inputs = arrays.chosen_inputs(model.module, given, weights, arguments.seed, model.source)
    try:
        compiler = import_module("pyflame.compiler.csl")
    except ModuleNotFoundError as error:
        if error.name != "pyflame.compiler.csl":
            raise
        raise UnsupportedError("--emit-csl: there is no compiler to CSL yet") from None
    options = compiler.CodeGenOptions(
        target=arguments.target,
        fabric_width=arguments.fabric_width,
        fabric_height=arguments.fabric_height,
    )
    if arguments.output is not None:
        options.output_dir = arguments.output
    compiler.compile_module(model.module, options, inputs=inputs)


def stored_weights(model: Model, arguments: argparse.Namespace) -> dict[str, np.ndarray]:
    """The weights of a module that was read as text."""
    from pyflame.cli import arrays

    if arguments.weights is not None:
        return arrays.read_weights(Path(arguments.weights))
    beside = Path(model.source).with_suffix(".safetensors")
    if any(a.is_weight for a in arrays.arguments_of(model.module)) and beside.exists():
        return arrays.read_weights(beside)
    return {}


def main(arguments: Sequence[str] | None = None) -> int:
    """The tool; returns its exit code: 0 done, 1 the input is at fault, 2 the command line is."""
    return common.run_tool(PROG, lambda: translate(build_parser().parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
