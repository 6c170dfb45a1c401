"""CSL text as an output of xDSL's tools: ``xdsl-opt -t pyflame-csl``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from pyflame.lowering.emit.printer import print_files


@dataclass(frozen=True)
class CslTextTarget(Target):
    """Every file of a module at the csl level, each behind a line ``// FILE: name``.

    Unlike xDSL's own target ``csl`` it refuses what it cannot print.
    """

    name = "pyflame-csl"

    comments: bool = True

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Print all files.

        Raises:
            UnsupportedError: the module holds an op, type or constant that CSL cannot say.
        """
        files = print_files(module, self.comments)
        output.write("\n".join(f"// FILE: {name}\n{text}" for name, text in files.items()))
