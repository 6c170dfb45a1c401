"""What tests of `csl_source` share: modules of files, printed."""

from __future__ import annotations

from io import StringIO

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Block, Region
from xdsl.printer import Printer

from pyflame.dialects.csl_source.declarations import FileOp, ProgramOp


def printed(module: ModuleOp, generic: bool = False, places: bool = False) -> str:
    """The text of a module."""
    stream = StringIO()
    Printer(stream, print_generic_format=generic, print_debuginfo=places).print_op(module)
    return stream.getvalue()


def program_of_files(*files: FileOp) -> ModuleOp:
    """A program of files that nothing has checked; the first has its layout."""
    properties = {"layout": files[0].path, "arch": StringAttr("wse2")}
    return ModuleOp([ProgramOp(properties=properties, regions=[Region(Block(files))])])
