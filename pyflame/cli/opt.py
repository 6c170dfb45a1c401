"""``pyflame-opt``: run passes over a module, with PyFlame's dialects and passes beside xDSL's."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cached_property
from io import StringIO
from pkgutil import resolve_name

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline
from xdsl.printer import Printer
from xdsl.universe import Universe
from xdsl.utils.arg_spec import ArgSpec, parse_pipeline
from xdsl.utils.exceptions import ArgSpecParseError
from xdsl.xdsl_opt_main import xDSLOptMain

from pyflame.cli import common
from pyflame.cli.expected import compare, expectations
from pyflame.dialects.guard import MlirError, parse_module, place_of, read_source, verify_module
from pyflame.dialects.guard.module import recursion_room
from pyflame.errors import PyFlameError, UnsupportedError
from pyflame.source import Diagnostic, SourceFile, shortened
from pyflame.version import __version__

PROG = "pyflame-opt"
SEPARATOR = "// -----"


def universe() -> Universe:
    """All that is installed for xDSL's tools, and PyFlame also where it is not installed."""
    from pyflame.universe import PYFLAME_UNIVERSE as ours

    found = Universe.get_multiverse()
    return Universe(
        all_dialects=ours.all_dialects | found.all_dialects,
        all_passes=ours.all_passes | found.all_passes,
        all_targets=ours.all_targets | found.all_targets,
    )


class PyFlameOpt(xDSLOptMain):
    """xDSL's driver with the guarded parser, and errors that name a place instead of a dump."""

    version_format = f"{PROG} {__version__} (xdsl {{xdsl_version}})"

    @cached_property
    def universe(self) -> Universe:
        """The dialects, passes and targets that this run knows."""
        return universe()

    # What xDSL's driver asks its subclasses for

    def register_all_dialects(self) -> None:
        for name, factory in self.universe.all_dialects.items():
            self.ctx.register_dialect(name, factory)

    def register_all_passes(self) -> None:
        self.available_passes.update(self.universe.all_passes)

    def register_all_targets(self) -> None:
        self.available_targets.update(self.universe.all_targets)

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        arg_parser.prog = PROG
        arg_parser.add_argument(
            "--pass-pipeline",
            metavar="PIPELINE",
            help="the passes in MLIR's form, such as 'builtin.module(canonicalize,cse)'",
        )
        arg_parser.add_argument(
            "--list-passes", action="store_true", help="print the name of every pass and end"
        )
        arg_parser.add_argument(
            "--verify-levels",
            action="store_true",
            help="run the module before and after each pass that crosses levels, on the same "
            "inputs, and report the first level that disagrees",
        )
        arg_parser.add_argument(
            "--seed", type=int, default=0, metavar="N", help="of the inputs of --verify-levels"
        )
        common.add_limit_options(arg_parser)

    def setup_pipeline(self) -> None:
        spec = self.args.passes
        if self.args.pass_pipeline is not None:
            if spec:
                raise common.UsageError("--passes and --pass-pipeline exclude each other")
            spec = _without_module(self.args.pass_pipeline)
        self.pipeline = PassPipeline(tuple(self._passes(spec)))

    def _passes(self, spec: str) -> list[ModulePass]:
        specs = list(parse_pipeline(spec))
        unknown = [s.name for s in specs if s.name not in self.available_passes]
        if unknown:
            raise common.UsageError("\n".join(map(self._unknown_pass, dict.fromkeys(unknown))))
        return [_configured(self.available_passes[s.name](), s) for s in specs]

    def _unknown_pass(self, name: str) -> str:
        close = get_close_matches(name, self.available_passes, n=3, cutoff=0.7)
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "see --list-passes"
        return f"no pass is called {name!r}; {hint}"

    # The work

    def run_all(self) -> int:
        """Read, transform and print; return the exit code."""
        if self.args.list_passes:
            common.write_output(
                None, "".join(f"{name}\n" for name in sorted(self.available_passes))
            )
            return common.OK
        limits = common.limits_from(self.args)
        self.limits = limits
        path = self.args.input_file
        source = common.read_stdin_or(path)
        file = read_source(source, "<stdin>" if path in (None, "-") else path, limits)
        chunks = _split(file) if self.args.split_input_file else [file]
        outputs: list[str] = []
        problems: list[Diagnostic] = []
        with recursion_room(limits):
            for chunk in chunks:
                text, found = self._process(chunk)
                outputs.append(text)
                problems += found
        if problems:
            common.say("\n".join(map(str, problems)))
        if not problems or self.args.output_file is None:
            common.write_output(self.args.output_file, f"{SEPARATOR}\n".join(outputs))
        return common.FAILED if problems else common.OK

    def _process(self, file: SourceFile) -> tuple[str, list[Diagnostic]]:
        """The text that one chunk becomes, and what is wrong with it that was not expected."""
        text, found = "", list[Diagnostic]()
        try:
            module = parse_module(
                file,
                self.ctx,
                limits=self.limits,
                verify=not self.args.disable_verify,
                implicit_module=not self.args.no_implicit_module,
            )
            self._transform(module, file)
            text = self.output_resulting_program(module)
        except MlirError as error:
            found = list(error.diagnostics)
        except (RecursionError, MemoryError) as error:
            what = "nests too deeply" if isinstance(error, RecursionError) else "is too large"
            found = [Diagnostic(f"this module {what}", file)]
        if self.args.verify_diagnostics and expectations(file):
            return text, compare(file, found)
        if found and (self.args.verify_diagnostics or self.args.parsing_diagnostics):
            return "".join(f"{diagnostic}\n" for diagnostic in found), []
        return text, found

    def _transform(self, module: ModuleOp, file: SourceFile) -> None:
        check_levels = self._level_check()
        check_levels(module, None)
        for index, step in enumerate(self.pipeline.passes):
            start = time.perf_counter()
            self._apply(step, module, file)
            if self.args.time_passes:
                common.say(f"Pass {step.name} took {time.perf_counter() - start} seconds")
            check_levels(module, step.name)
            if self.args.print_between_passes and index + 1 < len(self.pipeline.passes):
                common.say(f"// -----// IR after {step.name} //----- //\n{self._text(module)}\n")

    def _text(self, module: ModuleOp) -> str:
        stream = StringIO()
        Printer(stream, print_generic_format=self.args.print_op_generic).print_op(module)
        return stream.getvalue()

    def _apply(self, step: ModulePass, module: ModuleOp, file: SourceFile) -> None:
        """Apply one pass; whatever it raises becomes an error that names the pass."""
        try:
            step.apply(self.ctx, module)
        except MlirError:
            raise
        except (RecursionError, MemoryError):
            raise
        except PyFlameError as error:
            raise MlirError(Diagnostic(f"pass {step.name!r}: {error}", file)) from error
        except Exception as error:
            what = shortened(f"{type(error).__name__}: {error}")
            raise MlirError(Diagnostic(f"pass {step.name!r} failed: {what}", file)) from error
        if self.args.disable_verify:
            return
        try:
            verify_module(module, file, self.limits)
        except MlirError as error:
            note = Diagnostic(
                f"the module is broken after pass {step.name!r}", place_of(module, file)
            )
            raise type(error)([note, *error.diagnostics]) from error

    def _level_check(self) -> Callable[[ModuleOp, str | None], None]:
        """What `--verify-levels` does after parsing (None) and after each pass (its name)."""
        if not self.args.verify_levels:
            return lambda module, after: None
        try:
            checker = resolve_name("pyflame.compiler.levels:LevelChecker")
        except ModuleNotFoundError as error:
            if error.name != "pyflame.compiler.levels":
                raise
            raise UnsupportedError("--verify-levels: no level can be run yet") from None
        return checker(self.ctx, seed=self.args.seed).check


def _configured(pass_class: type[ModulePass], spec: ArgSpec) -> ModulePass:
    try:
        return pass_class.from_pass_spec(spec)
    except Exception as error:
        raise common.UsageError(f"pass {spec.name!r}: {error}") from error


def _without_module(pipeline: str) -> str:
    """The passes of an MLIR pipeline, which may stand in ``builtin.module(…)``."""
    inner = pipeline.strip()
    if inner.startswith("builtin.module(") and inner.endswith(")"):
        inner = inner.removeprefix("builtin.module(").removesuffix(")")
    if "(" in inner:
        name = inner.partition("(")[0].rpartition(",")[2]
        raise common.UsageError(f"{name}(…): a pass works on a whole module, not on the ops in it")
    return re.sub(r"\s*,\s*", ",", inner.strip())


def _split(file: SourceFile) -> list[SourceFile]:
    """The parts of a file between lines that hold the separator alone."""
    chunks: list[SourceFile] = []
    lines = 0
    for text in re.split(rf"^{SEPARATOR}[ \t]*$", file.text, flags=re.MULTILINE):
        chunks.append(SourceFile(file.name, text, lines))
        lines += text.count("\n")
    return chunks


def main(arguments: Sequence[str] | None = None) -> int:
    """The tool; returns its exit code: 0 done, 1 the input is at fault, 2 the command line is."""

    def work() -> int:
        try:
            return PyFlameOpt("Apply passes to an MLIR module.", arguments).run_all()
        except ArgSpecParseError as error:  # derives from BaseException
            raise common.UsageError(str(error)) from None

    return common.run_tool(PROG, work)


if __name__ == "__main__":
    sys.exit(main())
