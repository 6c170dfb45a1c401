"""A program, its files, and what a file declares beside variables and comptime blocks."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import ClassVar

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr, UnitAttr
from xdsl.ir import Operation
from xdsl.irdl import (
    AttrSizedOperandSegments,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    region_def,
)
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.csl_source.base import (
    DeclarationOp,
    ExprType,
    Holds,
    SourceOp,
    StatementOp,
    ops_of,
)


@irdl_op_definition
class ParameterOp(SourceOp):
    """``comptime x: T`` of a function; without a type it is ``anytype``.

    ``csl_source.parameter comptime "x" : %0``
    """

    name = "csl_source.parameter"
    WHAT: ClassVar = "csl_source.parameter"
    IDENTIFIERS: ClassVar = ("name",)

    comptime = opt_prop_def(UnitAttr)
    identifier = prop_def(StringAttr, prop_name="name")
    type = opt_operand_def(ExprType)

    assembly_format = "(`comptime` $comptime^)? $name (`:` $type^)? attr-dict"


@irdl_op_definition
class FnDeclOp(DeclarationOp):
    """A function or task; its parameters stand in a region of their own.

    ``csl_source.fn_decl "fn" "f" params { … } -> %0 { … }`` is ``fn f(…) T { … }``
    """

    name = "csl_source.fn_decl"
    CHOICES: ClassVar = {"kind": ("fn", "task"), "linkage": ("export", "extern")}
    IDENTIFIERS: ClassVar = ("name",)
    HOLDS: ClassVar = {"params": Holds(ParameterOp), "body": Holds(StatementOp)}

    linkage = opt_prop_def(StringAttr)
    inline = opt_prop_def(UnitAttr)
    noinline = opt_prop_def(UnitAttr)
    kind = prop_def(StringAttr)
    identifier = prop_def(StringAttr, prop_name="name")
    linksection = opt_operand_def(ExprType)
    linkname = opt_operand_def(ExprType)
    result = operand_def(ExprType)
    params = region_def()
    body = region_def()

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    assembly_format = (
        "(`inline` $inline^)? (`noinline` $noinline^)? $kind $name (`linkage` $linkage^)? "
        "`params` $params "
        "(`linksection` $linksection^)? (`linkname` $linkname^)? `->` $result $body attr-dict"
    )


@irdl_op_definition
class LayoutBlockOp(DeclarationOp):
    """``layout { … }``: ``csl_source.layout_block { … }``."""

    name = "csl_source.layout_block"
    HOLDS: ClassVar = {"body": Holds(StatementOp)}

    body = region_def()

    assembly_format = "$body attr-dict"


@irdl_op_definition
class FileOp(SourceOp):
    """One CSL file, named by its path inside the program's folder.

    ``csl_source.file "src/pe.csl" { … }``
    """

    name = "csl_source.file"
    WHAT: ClassVar = "csl_source.file"
    HOLDS: ClassVar = {"decls": Holds(DeclarationOp)}

    path = prop_def(StringAttr)
    decls = region_def()

    assembly_format = "$path $decls attr-dict"

    def verify_(self) -> None:
        super().verify_()
        check_path(self.path.data)


@irdl_op_definition
class ProgramOp(SourceOp):
    """A program that was checked: its files, and what it was checked for.

    `layout` is the path of the file with the layout block, `params` the values of its params as
    text, `import_paths` further folders where imports are looked for. Library modules
    (``<memcpy/memcpy>``) are no files of the program.

    ``csl_source.program "layout.csl" arch "wse2" params {N = "4"} { csl_source.file … }``
    """

    name = "csl_source.program"
    CHOICES: ClassVar = {"arch": ("wse2", "wse3")}
    HOLDS: ClassVar = {"files": Holds(FileOp)}

    layout = prop_def(StringAttr)
    arch = prop_def(StringAttr)
    params = opt_prop_def(DictionaryAttr)
    import_paths = opt_prop_def(ArrayAttr[StringAttr])
    files = region_def()

    assembly_format = (
        "$layout `arch` $arch (`params` $params^)? (`import_paths` $import_paths^)? "
        "$files attr-dict"
    )

    def _may_stand_in(self, parent: Operation) -> bool:
        return isinstance(parent, ModuleOp)

    def verify_(self) -> None:
        super().verify_()
        for name, value in (self.params.data if self.params is not None else {}).items():
            if not isinstance(value, StringAttr) or not f"{name}{value.data}".isprintable():
                raise VerifyException(f"param {name!r} is {value}; expected its value as text")
        for folder in self.import_paths or ():
            if not folder.data.isprintable():
                raise VerifyException(f"import path {folder.data!r} is not printable")
        paths = [op.path.data for op in ops_of(self.files) if isinstance(op, FileOp)]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        if twice:
            raise VerifyException(f"file {twice[0]!r} is there twice")
        if self.layout.data not in paths:
            raise VerifyException(f"there is no file {self.layout.data!r}, its layout")


def check_path(path: str) -> None:
    """Refuse what is not the plain relative path of a CSL file.

    Raises:
        VerifyException: it is absolute, leads upwards, is spelled oddly or has another suffix.
    """
    parts = PurePosixPath(path).parts
    plain = "/".join(parts) == path and path.isprintable() and "\\" not in path
    if not plain or path.startswith("/") or ".." in parts or not path.endswith(".csl"):
        raise VerifyException(
            f"path {path!r}: expected one inside the program's folder, such as 'src/pe.csl'"
        )


DECLARATIONS = (ParameterOp, FnDeclOp, LayoutBlockOp, FileOp, ProgramOp)
"""Every op of this file."""
