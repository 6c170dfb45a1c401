"""`csl_source` to CSL files."""

from __future__ import annotations

from typing import Any, cast

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Region, SSAValue

from pyflame.compiler.csl_source.rows import (
    ACCESSORS,
    Contents,
    Operand,
    Property,
    decode,
    rows_by_op,
)
from pyflame.dialects.csl_source.base import ExprOp, SourceOp, ops_of
from pyflame.dialects.csl_source.declarations import FileOp, ProgramOp
from pyflame.dialects.guard.errors import MlirLimitError, MlirVerifyError
from pyflame.dialects.guard.verify import place_of
from pyflame.runtime.csl import CslError, ast, parse, print_module
from pyflame.runtime.csl.cursor import deep_recursion
from pyflame.runtime.csl.source import SourceFile, Span
from pyflame.source import Diagnostic, shortened

MAX_DEPTH = 1000
"""Deepest tree that is printed; the front end reads none that is deeper."""


def program_of(module: ModuleOp) -> ProgramOp:
    """The program of a module.

    Raises:
        VerifyError: the module holds something else, or more.
    """
    ops = list(ops_of(module.body))
    if len(ops) == 1 and isinstance(ops[0], ProgramOp):
        return ops[0]
    held = shortened(", ".join(op.name for op in ops)) or "nothing"
    message = f"expected a module of one csl_source.program, found {held}"
    raise MlirVerifyError(Diagnostic(message, place_of(module)))


def export_program(module: ModuleOp) -> dict[str, str]:
    """The text of each file of a verified module, by its path.

    Each text is read again, and must mean what the module says.

    Raises:
        VerifyError: the module has no program, or a file of it cannot be written as CSL.
        LimitError: a file nests deeper than CSL may.
    """
    files = ops_of(program_of(module).files)
    with deep_recursion():
        return {file.path.data: _text(file) for file in files if isinstance(file, FileOp)}


def _text(file: FileOp) -> str:
    reader = _Reader(file.path.data)
    decls = cast("tuple[ast.Decl, ...]", reader.contents(file.decls)[0])
    try:
        text = print_module(ast.Module(reader.span.file, decls))
        again = parse(text, file.path.data)
    except TypeError as error:
        message = f"{file.path.data} cannot be written as CSL: {error}"
        raise MlirVerifyError(Diagnostic(message, place_of(file))) from None
    except CslError as error:
        first = shortened(error.diagnostics[0].message)
        message = f"{file.path.data} is not CSL when it is written: {first}"
        raise MlirVerifyError(Diagnostic(message, place_of(file))) from None
    for decl, read in zip(decls, again.decls, strict=False):
        if decl != read:
            name = getattr(decl, "name", type(decl).__name__)
            message = f"{file.path.data}: declaration {name!r} reads back as something else"
            raise MlirVerifyError(Diagnostic(message, place_of(file)))
    return text


class _Reader:
    """Makes the nodes of one file.

    The ops of a block are read in order, so that the depth of an expression costs no recursion.
    """

    def __init__(self, path: str) -> None:
        self.span = Span(SourceFile(path, ""), 0, 0)
        self.depth: dict[SSAValue, int] = {}
        self.nodes: dict[SSAValue, ast.Node] = {}

    def contents(self, region: Region) -> tuple[tuple[ast.Node, ...], int]:
        """What a region holds beside expressions, and how deep it nests."""
        found: list[ast.Node] = []
        deepest = 0
        for op in ops_of(region):
            assert isinstance(op, SourceOp)
            node, depth = self._node(op)
            deepest = max(deepest, depth)
            if isinstance(op, ExprOp):
                self.nodes[op.expr], self.depth[op.expr] = node, depth
            else:
                found.append(node)
        return tuple(found), deepest

    def _node(self, op: SourceOp) -> tuple[ast.Node, int]:
        row = rows_by_op()[type(op)]
        values: dict[str, Any] = {}
        depth = 0
        for slot in row.slots:
            held = getattr(op, ACCESSORS.get(slot.field, slot.field))
            match slot:
                case Property():
                    values[slot.field] = decode(held, slot.type)
                case Operand():
                    values[slot.field] = self._operand(held)
                case Contents():
                    values[slot.field], inner = self._region(held, slot)
                    depth = max(depth, inner)
        depth = 1 + max([depth, *(self.depth[value] for value in op.operands)])
        if depth > MAX_DEPTH:
            message = f"{op.name} nests deeper than {MAX_DEPTH} levels; CSL may not"
            raise MlirLimitError(Diagnostic(message, place_of(op)))
        return row.node(self.span, **values), depth

    def _operand(self, held: SSAValue | tuple[SSAValue, ...] | None) -> Any:
        match held:
            case None:
                return None
            case SSAValue():
                return self.nodes[held]
        return tuple(self.nodes[value] for value in held)

    def _region(self, held: Region | None, slot: Contents) -> tuple[Any, int]:
        if held is None:
            return None, 0
        nodes, depth = self.contents(held)
        if slot.braces:
            return ast.Block(self.span, cast("tuple[ast.Stmt, ...]", nodes)), depth
        return (nodes if slot.many else nodes[0]), depth
