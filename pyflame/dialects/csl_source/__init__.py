"""`csl_source`: CSL programs as they are written, one op per construct of the grammar.

The dialect is for tools that read and change CSL text; `csl` and `csl_ext` are what the compiler
makes CSL from. See docs/dialects/csl_source.md.
"""

from __future__ import annotations

from xdsl.ir import Dialect

from pyflame.dialects.csl_source.base import ExprType
from pyflame.dialects.csl_source.declarations import DECLARATIONS
from pyflame.dialects.csl_source.expressions import EXPRESSIONS
from pyflame.dialects.csl_source.statements import STATEMENTS
from pyflame.dialects.csl_source.types import TYPES

OPS = (*DECLARATIONS, *STATEMENTS, *EXPRESSIONS, *TYPES)
"""Every op class of the dialect."""

CslSource = Dialect("csl_source", list(OPS), [ExprType])
"""The dialect object."""
