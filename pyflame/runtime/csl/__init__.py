"""CSL front end: reads CSL text, evaluates it at compile time and produces simulator programs.

The room knows the language and the instruction set of the simulator; it knows nothing about the
compiler's dialects, so that a bug of the compiler cannot hide in its own judge.
"""

from __future__ import annotations

from pyflame.runtime.csl.compile import compile_program
from pyflame.runtime.csl.diagnostics import CslError
from pyflame.runtime.csl.parser import parse
from pyflame.runtime.csl.printer import print_module

__all__ = ["CslError", "compile_program", "parse", "print_module"]
