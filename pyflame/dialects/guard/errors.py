"""What can be wrong with an MLIR file."""

from __future__ import annotations

from collections.abc import Sequence

from pyflame.errors import LimitError, ParseError, PyFlameError, VerifyError
from pyflame.source import Diagnostic


class MlirError(PyFlameError):
    """One or more mistakes in an MLIR file; `diagnostics` holds each with its place."""

    def __init__(self, diagnostics: Diagnostic | Sequence[Diagnostic]) -> None:
        if isinstance(diagnostics, Diagnostic):
            diagnostics = (diagnostics,)
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n".join(map(str, self.diagnostics)))


class MlirParseError(MlirError, ParseError):
    """The text is not MLIR, or uses what no dialect defines."""


class MlirVerifyError(MlirError, VerifyError):
    """The text parses, but the module breaks rules of its dialects; all are listed."""


class MlirLimitError(MlirError, LimitError):
    """The file asks for more than a limit allows; the message says how to raise it."""
