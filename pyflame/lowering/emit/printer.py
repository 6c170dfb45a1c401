"""CSL text from `csl.module` ops.

The printer is strict: an op without a row in its tables is an error, never a comment, and two runs
on the same IR give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects import csl
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.csl import CslModuleOp

from pyflame.dialects.csl.declarations import ParamOp
from pyflame.errors import Gap, UnsupportedError
from pyflame.lowering.emit.engine import Engine, Tables
from pyflame.lowering.emit.machine import MACHINE_STATEMENTS, MACHINE_VALUES
from pyflame.lowering.emit.scalar import SCALAR_VALUES
from pyflame.lowering.emit.structure import STRUCTURE_STATEMENTS, STRUCTURE_VALUES

TABLES = Tables(
    values={**SCALAR_VALUES, **STRUCTURE_VALUES, **MACHINE_VALUES},
    statements={**STRUCTURE_STATEMENTS, **MACHINE_STATEMENTS},
)
"""Every op that the printer knows."""


def print_module(module: CslModuleOp, comments: bool = True) -> str:
    """The text of one CSL file.

    Raises:
        UnsupportedError: the module contains an op, type or constant that CSL cannot say.
    """
    engine = Engine(TABLES, comments)
    for op in module.walk():
        if isinstance(op, csl.FuncOp | csl.TaskOp):
            engine.names.reserve(op.sym_name.data)
        elif isinstance(op, csl.ParamOp):
            engine.names.reserve(op.param_name.data)
        elif isinstance(op, ParamOp):
            engine.names.reserve(op.sym_name.data)
    engine.comment(module)
    engine.block(module.body.block)
    return "\n".join(engine.lines).strip("\n") + "\n"


def csl_modules(module: ModuleOp) -> Iterator[CslModuleOp]:
    """The `csl.module` ops of a module that holds nothing else.

    Raises:
        UnsupportedError: the module holds other ops, listed.
    """
    others = [op for op in module.body.ops if not isinstance(op, CslModuleOp)]
    if others:
        raise UnsupportedError(
            [Gap(f"op '{op.name}' in CSL") for op in others], hint="lower the module to csl first"
        )
    for op in module.body.ops:
        assert isinstance(op, CslModuleOp)
        yield op


def file_name(module: CslModuleOp) -> str:
    """The file that a `csl.module` becomes: its symbol with ``.csl``.

    Raises:
        UnsupportedError: the symbol is no identifier, such as one that leads to another folder.
    """
    if not module.sym_name.data.isidentifier():
        raise UnsupportedError(f"a csl.module called {module.sym_name.data!r}")
    return f"{module.sym_name.data}.csl"


def print_files(module: ModuleOp, comments: bool = True) -> dict[str, str]:
    """File name → text of every `csl.module`, in order.

    Raises:
        UnsupportedError: as `print_module`, or the module holds ops of other dialects.
    """
    return {file_name(m): print_module(m, comments) for m in csl_modules(module)}
