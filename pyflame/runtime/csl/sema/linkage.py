"""``export`` and ``extern``: names that the modules of one PE program share.

A PE program is one object, and nothing else is linked with it, so an ``extern`` declaration that
is used needs an ``export`` declaration with the same symbol name in the same program.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Abort, Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Entity, Frame, Sema
from pyflame.runtime.csl.source import Span

if TYPE_CHECKING:
    from pyflame.runtime.csl.sema.image import ImageUnit
    from pyflame.runtime.csl.sema.modules import Instance

Declaration = ast.VarDecl | ast.FnDecl

_WIDTHS = (8, 16, 32, 64)
_SCALARS = (T.BOOL, T.F32, *T.HALVES, T.COLOR)


@dataclass(frozen=True, eq=False)
class Link:
    """One declaration with a symbol name: `linkage` is ``""``, ``"export"`` or ``"extern"``."""

    instance: Instance
    decl: Declaration

    @property
    def span(self) -> Span:
        """Where the declaration stands."""
        return self.decl.name_span or self.decl.span


def register_links(s: Sema, instance: Instance, unit: ImageUnit) -> None:
    """Note the symbol names of an instance's declarations."""
    for decl in instance.file.decls.values():
        if decl.linkage or decl.linkname is not None:
            links = unit.links.setdefault(symbol_name(s, instance, decl), [])
            link = Link(instance, decl)
            for other in links:
                _check_pair(s, link, other)
            links.append(link)


def symbol_name(s: Sema, instance: Instance, decl: Declaration) -> str:
    """The name of a declaration for other objects: its own, or that of ``linkname``."""
    if decl.linkname is None:
        return decl.name
    with s.entered(Frame(instance, comptime=True)):
        return s.const(decl.linkname, T.COMPTIME_STRING, "linkname")


def _check_pair(s: Sema, link: Link, other: Link) -> None:
    kinds = (link.decl.linkage, other.decl.linkage)
    if "" in kinds and kinds != ("", ""):
        said = "has the symbol name of an 'export' or 'extern' declaration, but is neither"
    elif kinds == ("export", "export"):
        said = "is exported twice under one symbol name; give one a 'linkname' of its own"
    else:
        return
    note = Note("the other declaration is here", other.span)
    s.engine.error(link.span, f"'{link.decl.name}' {said}", note)


def exports(unit: ImageUnit) -> Iterator[tuple[str, Link]]:
    """The exported declarations of a program by symbol name."""
    for name, links in unit.links.items():
        for link in links:
            if link.decl.linkage == "export":
                yield name, link


def check_links(s: Sema, unit: ImageUnit) -> list[Entity]:
    """What the program exports; checks the types of everything exported and declared extern."""
    found: list[Entity] = []
    for _, link in exports(unit):
        if isinstance(link.decl, ast.VarDecl) and link.decl.type is not None:
            _check_type(s, link, _declared(s, link))
        entity = _entity(s, link)
        _check_type(s, link, entity.type)
        found.append(entity)
    for links in unit.links.values():
        exported = [link for link in links if link.decl.linkage == "export"]
        for link in links:
            if link.decl.linkage == "extern":
                type_ = _declared(s, link)
                _check_type(s, link, type_)
                if exported:
                    _check_same(s, link, type_, exported[0])
    return found


def linked(s: Sema, instance: Instance, decl: Declaration, span: Span) -> Link:
    """The exported declaration that an ``extern`` one means."""
    name = symbol_name(s, instance, decl)
    unit = instance.unit
    for link in [] if unit is None else unit.links.get(name, []):
        if link.decl.linkage == "export":
            return link
    if s.engine.trial:
        raise Abort
    note = Note(f"'{decl.name}' is declared here", decl.name_span)
    raise s.fail(
        span,
        f"'{decl.name}' is extern, but no module of this program exports '{name}'; "
        "nothing else is linked here",
        note,
    )


def linked_entity(s: Sema, instance: Instance, decl: ast.VarDecl, span: Span) -> Entity:
    """What an ``extern`` variable stands for."""
    link = linked(s, instance, decl, span)
    entity = _entity(s, link)
    _check_same(s, Link(instance, decl), _declared(s, Link(instance, decl)), link)
    return entity


def _entity(s: Sema, link: Link) -> Entity:
    binding = link.instance.find(s, link.decl.name, link.span)
    assert binding is not None
    return binding.entity


def _declared(s: Sema, link: Link) -> T.Type:
    """The type that an ``extern`` declaration states."""
    decl = link.decl
    with s.entered(Frame(link.instance, comptime=True)):
        if isinstance(decl, ast.VarDecl):
            assert decl.type is not None
            return s.type(decl.type)
        params = tuple(s.type(p.type) for p in decl.params if p.type is not None)
        return T.fn_type(decl.kind, params, s.type(decl.result))


def _check_same(s: Sema, link: Link, type_: T.Type, exported: Link) -> None:
    note = Note("it is exported here", exported.span)
    if link.decl.kind != exported.decl.kind:
        raise s.fail(
            link.span,
            f"'{link.decl.name}' is declared as {link.decl.kind}, but exported as "
            f"{exported.decl.kind}",
            note,
        )
    other = _entity(s, exported).type
    if type_ is not other:
        raise s.fail(
            link.span, f"'{link.decl.name}' is declared as {type_}, but exported as {other}", note
        )


def _check_type(s: Sema, link: Link, type_: T.Type) -> None:
    function = isinstance(type_, T.FnType) and isinstance(link.decl, ast.FnDecl)
    fits = _function_fits(type_) if function else export_compatible(type_)  # pyright: ignore
    if not fits:
        raise s.fail(
            link.span,
            f"'{link.decl.name}' cannot be {link.decl.linkage}: other objects cannot share {type_}",
        )


def export_compatible(type_: T.Type) -> bool:
    """Whether objects can share variables of a type.

    What any SDK version admits: 1.4 has the integers of 8 and 64 bits, 2.10 DSDs and structs of a
    defined layout.
    """
    match type_:
        case T.IntType():
            return type_.bits in _WIDTHS
        case T.EnumType():
            return type_.backing.bits in _WIDTHS
        case T.ArrayType():
            return export_compatible(type_.element)
        case T.PointerType() if isinstance(type_.element, T.FnType):
            return _function_fits(type_.element)
        case T.PointerType():
            return type_.element is T.ANYOPAQUE or export_compatible(type_.element)
        case T.StructType():
            return bool(type_.layout)
        case T.DsdType():
            return type_ is not T.FIFO
    return type_ in _SCALARS


def _function_fits(type_: T.FnType) -> bool:
    results = type_.result is T.VOID or export_compatible(type_.result)
    return results and all(export_compatible(p) for p in type_.params)
