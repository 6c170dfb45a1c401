"""`pyflame-cs-python`: run a host script on the simulator, as `cs_python` runs it on the SDK."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyflame.runtime.fabric.trace.recorder import Recording

INTERRUPTED = 130
_PACKAGE = Path(__file__).resolve().parent.parent


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code, or 1 for an error, or 2 for usage."""
    arguments = _parser().parse_args(argv)
    script: Path = arguments.script
    if not script.is_file():
        print(f"error: {script}: no such script", file=sys.stderr)
        return 2
    from pyflame.errors import PyFlameError

    if arguments.trace is None and (arguments.trace_window or arguments.trace_pes):
        print("error: --trace-window and --trace-pes need --trace FILE", file=sys.stderr)
        return 2
    _prepare(arguments)
    problem = ""
    try:
        code = _run_script(script, arguments.arguments)
        if code:
            _write_logs()
        code = code or _left_over()
    except PyFlameError as error:
        sys.stdout.flush()
        _print_own_error(error)
        _write_logs()
        code, problem = 1, str(error)
    failures = [_write_report(arguments), _write_trace(arguments, problem)]
    return max(failures) or code


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
    add("--max-instructions", metavar="N", type=_positive, default=None,
        help="stop a task that executes more than this")  # fmt: skip
    add("--no-bounds", action="store_true",
        help="let accesses leave their arrays, as the hardware does")  # fmt: skip
    add("--report", action="store_true",
        help="print cycles, utilisation, the critical chain … on stderr at the end")  # fmt: skip
    add("--report-json", metavar="FILE", type=Path, default=None,
        help="write the report, with numbers per PE, as JSON")  # fmt: skip
    add("--trace", metavar="FILE", type=Path, default=None,
        help="write an HTML page that shows the run")  # fmt: skip
    add("--trace-window", metavar="FROM:TO", type=_window, default=None,
        help="cycles whose details are kept (default: from the start, until full)")  # fmt: skip
    add("--trace-pes", metavar="X,Y,W,H", type=_rectangle, default=None,
        help="PEs to keep all details of (default: all)")  # fmt: skip


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a positive number")
    return int(text)


def _window(text: str) -> tuple[int, int]:
    first, _, end = text.partition(":")
    if not (first.isdecimal() and end.isdecimal() and int(first) < int(end)):
        raise argparse.ArgumentTypeError(f"{text!r}; expected FROM:TO with FROM < TO, in cycles")
    return int(first), int(end)


def _rectangle(text: str) -> tuple[int, int, int, int]:
    parts = text.split(",")
    if len(parts) != 4 or not all(p.isdecimal() for p in parts) or "0" in parts[2:]:
        raise argparse.ArgumentTypeError(f"{text!r}; expected X,Y,WIDTH,HEIGHT of a rectangle")
    x, y, width, height = (int(p) for p in parts)
    return x, y, width, height


def _prepare(arguments: argparse.Namespace) -> None:
    """Make the emulated packages importable and hand the options to the session."""
    import pyflame.runtime.host.emulated as emulated
    from pyflame.runtime.host.session import current

    current.timing = arguments.timing
    current.shuffle_seed = arguments.shuffle_seed
    if arguments.max_cycles is not None:
        current.max_cycles = arguments.max_cycles
    if arguments.max_instructions is not None:
        current.max_instructions = arguments.max_instructions
    current.check_bounds = not arguments.no_bounds
    current.recording = _recording(arguments)
    (emulated_directory,) = emulated.__path__
    # Python's first entry is where this tool stands, unless -P keeps it out.
    others = sys.path if sys.flags.safe_path else sys.path[1:]
    sys.path[:] = [str(arguments.script.resolve().parent), emulated_directory, *others]


def _recording(arguments: argparse.Namespace) -> Recording | None:
    """What the run has to keep."""
    if not (arguments.trace or arguments.report or arguments.report_json):
        return None
    from pyflame.runtime.fabric.trace.recorder import COUNTERS, Recording

    if not arguments.trace:
        return COUNTERS
    return Recording(window=arguments.trace_window, pes=arguments.trace_pes)


def _write_trace(arguments: argparse.Namespace, problem: str) -> int:
    """Write the page of the runs so far, if it is wanted; the exit code."""
    if arguments.trace is None:
        return 0
    from pyflame.errors import LimitError
    from pyflame.runtime.host.report import trace_of_runs
    from pyflame.runtime.host.session import current

    try:
        page = trace_of_runs(current.runtimes, arguments.script.parent, problem)
        arguments.trace.write_text(page, encoding="utf-8")
    except (OSError, LimitError) as error:
        print(f"error: --trace {arguments.trace}: {error}", file=sys.stderr)
        return 1
    return 0


def _run_script(script: Path, arguments: list[str]) -> int:
    """Run the user's program as `__main__`; its mistakes keep Python's traceback."""
    import runpy

    from pyflame.errors import PyFlameError

    sys.argv = [str(script), *arguments]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        return _exit_code(stop.code)
    except KeyboardInterrupt as stop:
        sys.stdout.flush()
        print("interrupted", file=sys.stderr)
        _print_place(stop)
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
    _print_place(error)


def _print_place(error: BaseException) -> None:
    """The script's lines that led to an error."""
    trace = _user_part(error.__traceback__)
    for frame in takewhile(lambda f: not _is_ours(f.filename), traceback.extract_tb(trace)):
        print(f"  at {frame.filename}:{frame.lineno}: {frame.line}", file=sys.stderr)


def _write_logs() -> None:
    """What the programs had printed when the run broke off."""
    from pyflame.runtime.host.session import current

    for runtime in current.runtimes:
        runtime.write_log()


def _left_over() -> int:
    """Look at the runtimes that the script leaves behind; the exit code."""
    from pyflame.runtime.host.sdkruntime import State
    from pyflame.runtime.host.session import current

    code = 0
    for runtime in current.runtimes[-1:]:
        runtime.write_log(empty=True)  # commands files read it
    for runtime in current.runtimes:
        if runtime.pending:
            print(
                f"error: the script ended with {runtime.pending} commands for "
                f"{str(runtime.directory)!r} not carried out; call stop() at its end",
                file=sys.stderr,
            )
            code = 1
        elif runtime.state is State.RUNNING:
            found = "".join(f"; {remark}" for remark in runtime.remarks())
            print(
                f"warning: the script ended without stop() for {str(runtime.directory)!r}; "
                f"hardware stays reserved until it is called{found}",
                file=sys.stderr,
            )
    return code


def _write_report(arguments: argparse.Namespace) -> int:
    """Print the report and write it as JSON, where that is wanted; the exit code."""
    from pyflame.runtime.host.report import describe_runs, report_of_runs
    from pyflame.runtime.host.session import current

    if arguments.report:
        sys.stdout.flush()
        print(describe_runs(current.runtimes), file=sys.stderr)
    if arguments.report_json is None:
        return 0
    try:
        arguments.report_json.write_text(report_of_runs(current.runtimes), encoding="utf-8")
    except OSError as error:
        print(f"error: --report-json {arguments.report_json}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
