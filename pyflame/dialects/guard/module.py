"""From a file, bytes or text to a module that has been checked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import MultipleSpansParseError, VerifyException
from xdsl.utils.exceptions import ParseError as XdslParseError

from pyflame.dialects.guard.errors import MlirLimitError, MlirParseError
from pyflame.dialects.guard.limits import Limits
from pyflame.dialects.guard.parser import GuardedParser
from pyflame.dialects.guard.scan import scan
from pyflame.dialects.guard.verify import verify_module
from pyflame.errors import ParseError
from pyflame.source import Diagnostic, Note, Place, SourceFile, shortened

_FRAMES_PER_BRACKET = 40
"""Python frames that parsing, verifying and printing take for one more open bracket, with room."""


def parse_module(
    source: Path | str | bytes | SourceFile,
    ctx: Context | None = None,
    *,
    name: str = "<text>",
    limits: Limits | None = None,
    verify: bool = True,
    implicit_module: bool = True,
) -> ModuleOp:
    """Read a module.

    Args:
        source: A path to a file, or the text itself (`str`, `bytes` or `SourceFile`).
        ctx: The dialects to know; by default all of PyFlame's and xDSL's.
        name: What messages call a text that is not a file.
        limits: Bounds on the text; by default `Limits.from_environment()`.
        verify: Whether to check the module's rules too.
        implicit_module: Whether ops outside of a module are put into one.

    Returns:
        The module; each of its ops has its place in the source as its location.

    Raises:
        ParseError: the source cannot be read or is not MLIR; with file, line, column and caret.
        VerifyError: the module breaks rules of its dialects; all of them are listed.
        LimitError: the source asks for more than a limit allows.
    """
    limits = limits or Limits.from_environment()
    file = source if isinstance(source, SourceFile) else read_source(source, name, limits)
    if ctx is None:
        from pyflame.dialects import new_context

        ctx = new_context()
    scan(file, limits)
    with recursion_room(limits):
        module = _parse(file, ctx, limits, implicit_module)
        if verify:
            try:
                verify_module(module, file, limits)
            except RecursionError:
                message = "verifying this module nests too deeply"
                raise MlirLimitError(Diagnostic(message, file)) from None
    return module


def read_source(
    source: Path | str | bytes | IO[bytes], name: str = "<text>", limits: Limits | None = None
) -> SourceFile:
    """The text of a file, a stream, bytes or a string, checked for size and encoding.

    Raises:
        ParseError: the file cannot be read, or is not UTF-8; names the line of the bad byte.
        LimitError: it has more bytes than `limits` allow.
    """
    limits = limits or Limits.from_environment()
    if isinstance(source, str):
        data, text = b"", source
        too_big = len(text) > limits.max_file_bytes
    else:
        if isinstance(source, Path):
            name = str(source)
        data, text = _read_bytes(source, name, limits), None
        too_big = len(data) > limits.max_file_bytes
    if too_big:
        message = f"over {limits.max_file_bytes} bytes; {limits.how_to_raise('max_file_bytes')}"
        raise MlirLimitError(Diagnostic(message, SourceFile(name, "")))
    if text is None:
        text = _decode(data, name)
    return SourceFile(name, text)


def _read_bytes(source: Path | bytes | IO[bytes], name: str, limits: Limits) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        if isinstance(source, Path):
            with source.open("rb") as stream:
                return stream.read(limits.max_file_bytes + 1)
        return source.read(limits.max_file_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ParseError(f"{name}: error: cannot read this file: {reason}") from error


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        file = SourceFile(name, data.decode("utf-8", "replace"))
        place = file.at(len(data[: error.start].decode("utf-8")))
        message = f"byte 0x{data[error.start]:02x} at offset {error.start} is not UTF-8"
        raise MlirParseError(Diagnostic(message, place)) from None


@contextmanager
def recursion_room(limits: Limits) -> Iterator[None]:
    """Let Python recurse as deep as the nesting limit needs."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 1000 + _FRAMES_PER_BRACKET * limits.max_nesting))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _parse(file: SourceFile, ctx: Context, limits: Limits, implicit_module: bool) -> ModuleOp:
    """Parse, turning whatever xDSL raises into a diagnostic where the parser stands."""
    parser: GuardedParser | None = None
    try:
        parser = GuardedParser(ctx, file, limits)
        return parser.parse_module(implicit_module)
    except XdslParseError as error:
        raise MlirParseError(_diagnose(error, file, parser)) from error
    except (RecursionError, MemoryError) as error:
        what = "nests too deeply" if isinstance(error, RecursionError) else "takes too much memory"
        place = _standing(file, parser)
        raise MlirLimitError(Diagnostic(f"parsing this {what}", place)) from None
    except (MlirParseError, MlirLimitError):
        raise
    except VerifyException as error:
        raise MlirParseError(Diagnostic(_words(error), _standing(file, parser, True))) from error
    except Exception as error:
        raise MlirParseError(Diagnostic(_words(error), _standing(file, parser))) from error


def _standing(file: SourceFile, parser: GuardedParser | None, at_op: bool = False) -> Place:
    if parser is None:
        return file.at(0)
    if at_op and parser.op_start is not None:
        return file.at(parser.op_start)
    return file.at(parser.pos)


def _words(error: Exception) -> str:
    text = shortened(str(error))
    if isinstance(error, VerifyException):
        return text
    return f"this cannot be parsed ({type(error).__name__}{': ' if text else ''}{text})"


def _diagnose(
    error: XdslParseError, file: SourceFile, parser: GuardedParser | None
) -> list[Diagnostic]:
    if parser is not None and parser.forward_ssa_references and parser.at_end:
        return [
            Diagnostic(f"value %{name} is used but not defined", file.at(span.start, span.end))
            for name, span in parser.first_uses.items()
            if name in parser.forward_ssa_references
        ]
    notes: tuple[Note, ...] = ()
    if isinstance(error, MultipleSpansParseError):
        head = (error.ref_text or "").rstrip(":") or "see"
        notes = tuple(
            Note(text or head, file.at(span.start, span.end)) for span, text in error.refs
        )
    message = shortened(error.msg)
    if message == "Could not parse entire input!":
        found = "" if parser is None or not parser.at_end else "; the text holds none"
        message = f"an operation is expected here{found}"
    return [Diagnostic(message, file.at(error.span.start, error.span.end), notes)]
