"""`pyflame-sdk -- COMMAND`: run a command that finds our tools under the SDK's names."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pyflame.cli.cs_python import add_run_options

NOT_FOUND = 127
NOT_EXECUTABLE = 126
SHELL_NAME = "sdk_debug_shell"
_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code, 128 + n after signal n, 127 if it is not found."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments[:1] == [f"--{SHELL_NAME}"]:
        return _debug_shell(arguments[1:])
    options = _parser().parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        print("error: no command; usage: pyflame-sdk [OPTIONS] -- COMMAND …", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="pyflame-sdk-") as directory:
        _write_launchers(Path(directory), _run_flags(options))
        environment = dict(os.environ)
        environment["PATH"] = os.pathsep.join(
            filter(None, (directory, environment.get("PATH", "")))
        )
        return _run(command, environment)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyflame-sdk",
        usage="%(prog)s [OPTIONS] -- COMMAND …",
        description="Run COMMAND with cslc and cs_python on its PATH resolved to PyFlame's tools.",
        epilog="OPTIONS are given to every cs_python that COMMAND runs.",
        allow_abbrev=False,
    )
    add_run_options(parser)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="for example: bash commands.sh")
    return parser


def _run_flags(options: argparse.Namespace) -> list[str]:
    flags = [f"--timing={options.timing}"]
    if options.shuffle_seed is not None:
        flags.append(f"--shuffle-seed={options.shuffle_seed}")
    if options.max_cycles is not None:
        flags.append(f"--max-cycles={options.max_cycles}")
    if options.max_instructions is not None:
        flags.append(f"--max-instructions={options.max_instructions}")
    if options.no_bounds:
        flags.append("--no-bounds")
    if options.report:
        flags.append("--report")
    if options.report_json is not None:
        flags.append(f"--report-json={options.report_json.resolve()}")
    if options.trace is not None:
        flags.append(f"--trace={options.trace.resolve()}")
    if options.trace_window is not None:
        flags.append("--trace-window={}:{}".format(*options.trace_window))
    if options.trace_pes is not None:
        flags.append("--trace-pes={},{},{},{}".format(*options.trace_pes))
    return flags


def _write_launchers(directory: Path, run_flags: Sequence[str]) -> None:
    """Small programs with the SDK's names; -P keeps the current directory off Python's path."""
    modules = {
        "cslc": ["pyflame.cli.cslc"],
        "cs_python": ["pyflame.cli.cs_python", *run_flags],
        SHELL_NAME: ["pyflame.cli.sdk", f"--{SHELL_NAME}"],
    }
    for name, module in modules.items():
        words = shlex.join([sys.executable, "-P", "-m", *module])
        path = directory / name
        path.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        path.chmod(0o755)


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    # Without a terminal the command gets a group of its own, so that a signal reaches all of it;
    # with one it stays in ours, where the terminal can stop and interrupt it.
    own_group = not sys.stdin or not sys.stdin.isatty()
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _frame: object) -> None:
        if process is None:
            early.append(number)
        elif own_group:
            os.killpg(process.pid, number)
        elif number != signal.SIGINT:  # the terminal has sent that one to the command already
            process.send_signal(number)

    for name in _FORWARDED:
        signal.signal(signal.Signals[name], forward)
    try:
        process = subprocess.Popen(command, env=environment, start_new_session=own_group)
    except FileNotFoundError:
        print(f"error: {command[0]}: command not found", file=sys.stderr)
        return NOT_FOUND
    except OSError as error:
        print(f"error: {command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_EXECUTABLE
    for number in early:
        forward(number, None)
    code = process.wait()
    return code if code >= 0 else 128 - code


def _debug_shell(arguments: Sequence[str]) -> int:
    """`sdk_debug_shell compile` is `cslc`; its other subcommands need the SDK."""
    if arguments[:1] == ["compile"]:
        from pyflame.cli.cslc import main as compile_main

        return compile_main(arguments[1:])
    print(
        f"error: {SHELL_NAME} {' '.join(arguments[:1])}: not supported; PyFlame has the compile "
        "subcommand only. pyflame-cs-python --report shows what a run did",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
