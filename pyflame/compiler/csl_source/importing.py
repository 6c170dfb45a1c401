"""CSL files to `csl_source`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FileLineColLoc,
    IntAttr,
    ModuleOp,
    StringAttr,
)
from xdsl.ir import Attribute, Block, Region, SSAValue

from pyflame.compiler.csl_source.rows import Contents, Operand, Property, encode, rows_by_node
from pyflame.dialects.csl_source.base import ExprOp, ExprType, SourceOp
from pyflame.dialects.csl_source.declarations import FileOp, ProgramOp
from pyflame.errors import Gap, UnsupportedError
from pyflame.runtime.csl import ast, compile_program
from pyflame.runtime.csl.cursor import deep_recursion

PLAIN = {ast.IntLit: str, ast.FloatLit: repr}
"""How the printer spells literals whose own spelling is not kept."""


@dataclass(frozen=True)
class ImportedProgram:
    """A module with one `ProgramOp`, and what the front end warns of."""

    module: ModuleOp
    warnings: tuple[str, ...] = ()


def import_program(
    layout: str | Path,
    *,
    arch: str = "wse2",
    params: Mapping[str, int] | None = None,
    import_paths: Sequence[str | Path] = (),
) -> ImportedProgram:
    """Check a program as `pyflame-cslc` does and return its files as IR.

    The files are those that the check reads: the layout's and what it sets as code and imports
    with these params. Each op has its place in a file as its location.

    Args:
        layout: the file with the ``layout`` block.
        arch: ``"wse2"`` or ``"wse3"``.
        params: values of the layout's params.
        import_paths: folders searched for imports after the importer's own.

    Raises:
        CslError: the program has errors; all that were found are in it.
        MemoryLimitError: a PE program does not fit a PE's memory.
    """
    modules: list[ast.Module] = []
    program = compile_program(
        layout, arch=arch, params=params, import_paths=import_paths, modules=modules
    )
    paths = [Path(module.file.path) for module in modules]
    folders = [Path(folder).resolve() for folder in import_paths]
    used = [f for f in folders if any(path.is_relative_to(f) for path in paths)]
    root = Path(os.path.commonpath([*(path.parent for path in paths), *used]))
    names = [path.relative_to(root).as_posix() for path in paths]
    places = [folder.relative_to(root).as_posix() for folder in used]
    _check_names([*names, *places])
    properties: dict[str, Attribute] = {
        "layout": StringAttr(names[0]),
        "arch": StringAttr(arch),
    }
    if params:
        properties["params"] = DictionaryAttr({k: StringAttr(str(v)) for k, v in params.items()})
    if used:
        properties["import_paths"] = ArrayAttr([StringAttr(place) for place in places])
    files = [import_module(module, name) for module, name in zip(modules, names, strict=True)]
    top = ProgramOp(properties=properties, regions=[Region(Block(files))])
    top.location = files[0].location
    return ImportedProgram(ModuleOp([top]), tuple(program.warnings))


def _check_names(names: Sequence[str]) -> None:
    """Paths stand in locations, which xDSL reads in ASCII only; others are refused."""
    odd = [name for name in names if not (name.isascii() and name.isprintable())]
    if odd:
        raise UnsupportedError(
            [Gap(f"{name!r}: a path beyond printable ASCII", "import_csl") for name in odd],
            "rename the files",
        )


def import_module(module: ast.Module, path: str) -> FileOp:
    """One parsed file, named `path`, as an op."""
    builder = _Builder(path)
    with deep_recursion():
        file = FileOp(properties={"path": builder.file}, regions=[builder.region(module.decls)])
    file.location = FileLineColLoc(builder.file, IntAttr(1), IntAttr(1))
    return file


class _Builder:
    """Makes the ops of one file."""

    def __init__(self, path: str) -> None:
        self.file = StringAttr(path)

    def region(self, nodes: Sequence[ast.Node]) -> Region:
        """A region of `nodes`, each behind the expressions that it is made of."""
        if not nodes:
            return Region()
        block = Block()
        for node in nodes:
            self.add(node, block)
        return Region(block)

    def add(self, node: ast.Node, block: Block) -> SourceOp:
        """The op of `node`, at the end of `block`."""
        row = rows_by_node()[type(node)]
        operands: dict[str, SSAValue | list[SSAValue] | None] = {}
        regions: dict[str, Region | None] = {}
        properties: dict[str, Attribute | None] = {}
        for slot in row.slots:
            value = getattr(node, slot.field)
            match slot:
                case Operand():
                    operands[slot.field] = self._operand(value, block)
                case Contents():
                    regions[slot.field] = self._region(value, slot)
                case Property():
                    properties[slot.field] = encode(value, slot.optional)
        plain = PLAIN.get(type(node))
        if plain is not None and node.text == plain(node.value):  # pyright: ignore
            properties["text"] = None
        definition = row.op.get_irdl_definition()
        op = row.op(
            operands=[operands[name] for name, _ in definition.operands],
            result_types=[ExprType()] if issubclass(row.op, ExprOp) else [],
            properties=properties,
            regions=[regions[name] for name, _ in definition.regions],
        )
        line, column = node.span.file.position(node.span.start)
        op.location = FileLineColLoc(self.file, IntAttr(line), IntAttr(column))
        block.add_op(op)
        return op

    def _operand(
        self, value: ast.Expr | tuple[ast.Expr, ...] | None, block: Block
    ) -> SSAValue | list[SSAValue] | None:
        match value:
            case None:
                return None
            case tuple():
                return [self.add(part, block).results[0] for part in value]
        return self.add(value, block).results[0]

    def _region(
        self, value: ast.Node | tuple[ast.Node, ...] | None, slot: Contents
    ) -> Region | None:
        match value:
            case None:
                return None
            case tuple():
                return self.region(value)
            case ast.Block() if slot.braces:
                return self.region(value.statements)
        return self.region([value])
