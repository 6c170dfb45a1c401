"""`pyflame-cs-python`: run a host script on the simulator, as `cs_python` runs it on the SDK."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from types import TracebackType

INTERRUPTED = 130
_PACKAGE = Path(__file__).resolve().parent.parent


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code, or 1 for an error, or 2 for usage."""
    arguments = _parser().parse_args(argv)
    script: Path = arguments.script
    if not script.is_file():
        print(f"error: {script}: no such script", file=sys.stderr)
        return 2
    from pyflame.errors import PyFlameError, UnsupportedError

    if arguments.trace:
        print(f"error: {UnsupportedError('--trace: writing a trace page')}", file=sys.stderr)
        return 1
    _prepare(arguments)
    try:
        code = _run_script(script, arguments.arguments)
        return code or _finish(arguments.report)
    except PyFlameError as error:
        sys.stdout.flush()
        _print_own_error(error)
        _write_logs()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyflame-cs-python",
        description="Run a Python host script whose SdkRuntime is PyFlame's simulator.",
        epilog="Options of this tool stand before SCRIPT; everything after it is the script's.",
        allow_abbrev=False,
    )
    add_run_options(parser)
    add = parser.add_argument
    add("script", metavar="SCRIPT", type=Path, help="the Python program")
    add("arguments", metavar="ARGS", nargs=argparse.REMAINDER, help="its arguments")
    return parser


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """The options that say how to simulate."""
    add = parser.add_argument
    add("--timing", choices=("model", "unit"), default="model",
        help="cycle costs: the hardware model, or one cycle each")  # fmt: skip
    add("--shuffle-seed", metavar="N", type=int, default=None,
        help="pick among ready tasks at random; results must not change")  # fmt: skip
    add("--max-cycles", metavar="N", type=_positive, default=None,
        help="stop a program that runs longer than this")  # fmt: skip
    add("--report", action="store_true", help="print cycles and utilisation on stderr at the end")
    add("--trace", metavar="FILE", type=Path, help="write a page that shows the run")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a positive number")
    return int(text)


def _prepare(arguments: argparse.Namespace) -> None:
    """Make the emulated packages importable and hand the options to the session."""
    import pyflame.runtime.host.emulated as emulated
    from pyflame.runtime.host.session import current

    current.timing = arguments.timing
    current.shuffle_seed = arguments.shuffle_seed
    if arguments.max_cycles is not None:
        current.max_cycles = arguments.max_cycles
    (emulated_directory,) = emulated.__path__
    # Python's first entry is where this tool stands, unless -P keeps it out.
    others = sys.path if sys.flags.safe_path else sys.path[1:]
    sys.path[:] = [str(arguments.script.resolve().parent), emulated_directory, *others]


def _run_script(script: Path, arguments: list[str]) -> int:
    """Run the user's program as `__main__`; its mistakes keep Python's traceback."""
    import runpy

    from pyflame.errors import PyFlameError

    sys.argv = [str(script), *arguments]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        return _exit_code(stop.code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except PyFlameError:
        raise
    except BaseException as error:
        sys.stdout.flush()
        error.__traceback__ = _user_part(error.__traceback__)
        traceback.print_exception(error)
        return 1
    return 0


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    print(code, file=sys.stderr)
    return 1


def _user_part(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the script's first frame on."""
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _is_ours(filename: str) -> bool:
    return filename.startswith("<frozen") or Path(filename).resolve().is_relative_to(_PACKAGE)


def _print_own_error(error: Exception) -> None:
    """The report of an error of ours, and which of the script's lines led to it."""
    print(f"error: {error}", file=sys.stderr)
    trace = _user_part(error.__traceback__)
    for frame in takewhile(lambda f: not _is_ours(f.filename), traceback.extract_tb(trace)):
        print(f"  at {frame.filename}:{frame.lineno}: {frame.line}", file=sys.stderr)


def _write_logs() -> None:
    """What the programs had printed when the run broke off."""
    from pyflame.runtime.host.session import current

    for runtime in current.runtimes:
        runtime.write_log()


def _finish(report: bool) -> int:
    """Look at the runtimes that the script leaves behind."""
    from pyflame.runtime.host.report import describe_runs
    from pyflame.runtime.host.session import current

    code = 0
    for runtime in current.runtimes:
        if runtime.pending:
            print(
                f"error: the script ended with {runtime.pending} commands for "
                f"{str(runtime.directory)!r} not carried out; call stop() at its end",
                file=sys.stderr,
            )
            code = 1
    if report:
        sys.stdout.flush()
        print(describe_runs(current.runtimes), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
