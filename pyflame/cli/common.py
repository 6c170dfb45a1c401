"""What the command line tools share: exit codes, messages, options, files whole or not at all."""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import IO

from pyflame.dialects.guard.limits import Limits, option_name, variable_name
from pyflame.errors import PyFlameError

OK, FAILED, USAGE = 0, 1, 2
"""Exit codes: done; the input or the work is at fault; the command line is."""

TRACEBACK_VARIABLE = "PYFLAME_TRACEBACK"
"""Set to 1 to see where in PyFlame an error was raised."""


class UsageError(PyFlameError):
    """The command line asks for something that does not exist or does not go together."""


def run_tool(prog: str, work: Callable[[], int]) -> int:
    """Do `work` and return the exit code; whatever goes wrong becomes a message on stderr."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: say(f"{prog}: warning: {message}")
            code = work()
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader has gone. Python would complain once more when it closes the stream.
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _report(prog, error)


def _report(prog: str, error: Exception) -> int:
    if os.environ.get(TRACEBACK_VARIABLE) == "1":
        traceback.print_exc()
    if isinstance(error, UsageError):
        say(f"{prog}: error: {error}\nusage: {prog} --help")
        return USAGE
    if isinstance(error, PyFlameError):
        text = str(error)
        say(text if ": error: " in text.partition("\n")[0] else f"{prog}: error: {text}")
    elif isinstance(error, MemoryError):
        say(f"{prog}: error: the memory does not suffice")
    elif isinstance(error, RecursionError):
        say(f"{prog}: error: the input nests too deeply")
    else:
        what = f"{type(error).__name__}: {error}"
        say(f"{prog}: internal error: {what}\nThis is a fault in PyFlame; {TRACEBACK_VARIABLE}=1 "
            "shows where.")  # fmt: skip
    return FAILED


def say(message: str) -> None:
    """Write a message to stderr, where there is one."""
    if sys.stderr is not None:
        print(message, file=sys.stderr)


def add_limit_options(parser: argparse.ArgumentParser) -> None:
    """One option for each limit on MLIR text."""
    group = parser.add_argument_group("limits on the input")
    for row in fields(Limits):
        group.add_argument(
            option_name(row.name),
            metavar="N",
            help=f"{row.metadata['meaning']} (default {row.default}, or {variable_name(row.name)})",
        )


def limits_from(arguments: argparse.Namespace) -> Limits:
    """The limits that the command line and the environment give.

    Raises:
        UsageError: a value is not a number, or out of range.
    """
    given = {row.name: getattr(arguments, row.name) for row in fields(Limits)}
    try:
        return Limits.from_environment(**{k: v for k, v in given.items() if v is not None})
    except PyFlameError as error:
        raise UsageError(str(error)) from None


def read_stdin_or(path: str | None) -> Path | IO[bytes]:
    """What to read for a file argument: None and ``-`` mean standard input.

    Raises:
        UsageError: standard input is wanted and closed.
    """
    if path is not None and path != "-":
        return Path(path)
    if sys.stdin is None:
        raise UsageError("no input file is given and standard input is closed")
    return sys.stdin.buffer


def write_output(path: str | None, text: str) -> None:
    """Write `text` to a file, whole or not at all, or to standard output (None and ``-``).

    Raises:
        PyFlameError: it cannot be written.
    """
    if path is not None and path != "-":
        write_file(Path(path), text)
        return
    if sys.stdout is None:
        raise PyFlameError("standard output is closed")
    rest = memoryview(text.encode("utf-8", "surrogateescape"))
    try:
        sys.stdout.flush()
        while rest:  # an unbuffered stream may take a part only
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise PyFlameError(f"cannot write to standard output: {error.strerror}") from error


def write_file(path: Path, content: str | bytes) -> None:
    """Write beside `path` and move it there, so that no part of a file is ever seen.

    Raises:
        PyFlameError: it cannot be written.
    """
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file():  # a device or a pipe
            path.write_bytes(data)
            return
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PyFlameError(f"{path}: error: cannot write this file: {reason}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
