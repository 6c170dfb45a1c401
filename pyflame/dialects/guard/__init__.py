"""The guarded way in for MLIR text: every mistake ends in a diagnostic, in bounded time and space.

`parse_module` is what every tool and every import of MLIR text uses. xDSL's parser alone overflows
its stack on nested regions, takes exponential time on a string that does not end, fills the memory
with a splat, and lets Python's own exceptions through; it also checks no order of definitions.
"""

from __future__ import annotations

from pyflame.dialects.guard.errors import (
    MlirError,
    MlirLimitError,
    MlirParseError,
    MlirVerifyError,
)
from pyflame.dialects.guard.limits import Limits
from pyflame.dialects.guard.module import parse_module, read_source
from pyflame.dialects.guard.verify import place_of, verify_module

__all__ = [
    "Limits",
    "MlirError",
    "MlirLimitError",
    "MlirParseError",
    "MlirVerifyError",
    "parse_module",
    "place_of",
    "read_source",
    "verify_module",
]
