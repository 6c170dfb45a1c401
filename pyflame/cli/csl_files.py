"""CSL files as input and output of `pyflame-translate`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyflame.cli import common
from pyflame.cli.cslc import key_values
from pyflame.errors import PyFlameError

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from pyflame.dialects.csl_source.declarations import ProgramOp


def add_forms(group: Any) -> None:
    """``--import-csl`` and ``--export-csl`` among the forms of `group`."""
    group.add_argument(
        "--import-csl", action="store_true", help="check a CSL program and print it as a module"
    )
    group.add_argument(
        "--export-csl", action="store_true", help="write the CSL files of such a module"
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``--import-csl``."""
    group = parser.add_argument_group("options of --import-csl, as those of pyflame-cslc")
    group.add_argument("--arch", choices=("wse2", "wse3"), default="wse2", help="default: wse2")
    group.add_argument(
        "--params", metavar="K:V,…", type=key_values, action="append", default=[],
        help="values of the layout's params, colours too; may be given several times",
    )  # fmt: skip
    group.add_argument(
        "--import-path", metavar="DIR", type=Path, action="append", default=[],
        help="where imported files are looked for, beside the importer's directory",
    )  # fmt: skip


def read_program(arguments: argparse.Namespace) -> ModuleOp:
    """The module of ``--import-csl``; warnings about the program go to stderr.

    Raises:
        UsageError: no file is given.
        CslError: the program has errors.
    """
    from pyflame.compiler.csl_source import import_program

    if arguments.input in (None, "-"):
        raise common.UsageError("a CSL program is read from its layout file, not standard input")
    imported = import_program(
        arguments.input,
        arch=arguments.arch,
        params={k: v for group in arguments.params for k, v in group.items()},
        import_paths=arguments.import_path,
    )
    for warning in imported.warnings:
        common.say(warning)
    return imported.module


def write_program(prog: str, module: ModuleOp, output: str | None) -> None:
    """Write the files of ``--export-csl`` below the directory `output`.

    Raises:
        UsageError: no directory is given.
        PyFlameError: a file cannot be written, or would lie outside.
    """
    from pyflame.compiler.csl_source import export_program, program_of

    if output in (None, "-"):
        raise common.UsageError("--export-csl needs -o DIR, the directory of the files")
    texts = export_program(module)
    root = Path(output)
    for path, text in texts.items():
        target = root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{target.parent}: error: cannot make this directory: {error.strerror}"
            raise PyFlameError(message) from error
        if not target.resolve().is_relative_to(root.resolve()):
            raise PyFlameError(f"{target}: error: a link leads outside of {root}")
        common.write_file(target, text)
    common.say(f"{prog}: note: it was checked with {_command(program_of(module), output)}")


def _command(program: ProgramOp, output: str) -> str:
    """The command that compiles the exported program as the imported one was checked."""
    from xdsl.dialects.builtin import StringAttr

    given = program.params.data if program.params is not None else {}
    params = [f"{k}:{v.data}" for k, v in given.items() if isinstance(v, StringAttr)]
    folders = [Path(output, folder.data) for folder in program.import_paths or ()]
    return shlex.join(
        [
            "pyflame-cslc",
            str(Path(output, program.layout.data)),
            f"--arch={program.arch.data}",
            *([f"--params={','.join(params)}"] if params else ()),
            *(f"--import-path={folder}" for folder in folders),
        ]
    )
