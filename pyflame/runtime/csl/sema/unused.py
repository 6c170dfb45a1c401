"""Checks of what a program declares but nothing in it uses.

Such declarations take no part in the program, and public programs have broken ones, so mistakes in
them are warnings, and only plain ones are reported: names that do not exist, types that do not fit.
What builtins say about numbers of queues, ids or memory is not, because a file may declare what
another architecture or another PE needs; nor is what depends on a param that nobody supplied. A
declaration is wrong when it is in every use of its file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Abort, Diagnostic, DiagnosticEngine
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Frame, Sema
from pyflame.runtime.csl.sema.functions import function_instance, signature
from pyflame.runtime.csl.sema.values import FnValue

if TYPE_CHECKING:
    from pyflame.runtime.csl.sema.modules import Compilation, Instance, ParsedFile

MAX_WITNESSES = 4
"""Uses of one file in which its unused declarations are tried."""

MAX_STEPS = 200_000
"""Loop iterations and calls at compile time that one trial may take."""


@dataclass(eq=False)
class FileUse:
    """Names of a file that nothing has used so far, and some of its instances."""

    unused: set[str]
    witnesses: list[Instance] = field(default_factory=list)


@dataclass(eq=False)
class UnusedDeclarations:
    """The unused declarations of every file of the user."""

    files: dict[ParsedFile, FileUse] = field(default_factory=dict)

    def note(self, instance: Instance) -> None:
        """An instance is complete: what it has evaluated is used."""
        if instance.library:
            return
        use = self.files.setdefault(instance.file, FileUse(set(instance.file.decls)))
        use.unused.difference_update(instance.bindings)
        if len(use.witnesses) < MAX_WITNESSES:
            use.witnesses.append(instance)

    def check(self, compilation: Compilation) -> None:
        """Report the mistakes in what is still unused."""
        for file, use in self.files.items():
            for name in file.decls:
                if name in use.unused:
                    for diagnostic in _mistakes(compilation, use, file.decls[name]):
                        _report(compilation.engine, diagnostic)


def _mistakes(
    compilation: Compilation, use: FileUse, decl: ast.VarDecl | ast.FnDecl
) -> list[Diagnostic]:
    """What is wrong with a declaration in all instances of its file."""
    found: list[Diagnostic] = []
    for instance in use.witnesses:
        found = _trial(compilation, instance, decl)
        if not found:
            break
    return found


def _report(engine: DiagnosticEngine, diagnostic: Diagnostic) -> None:
    if diagnostic.severity == "error":
        message = f"in what nothing uses: {diagnostic.message}"
        engine.diagnostics.append(replace(diagnostic, message=message, severity="warning"))


def _trial(
    compilation: Compilation, instance: Instance, decl: ast.VarDecl | ast.FnDecl
) -> list[Diagnostic]:
    with _trying(compilation) as engine:
        s = Sema(compilation, Frame(instance, comptime=True))
        try:
            if isinstance(decl, ast.FnDecl):
                _try_function(s, FnValue(decl, instance))
            elif decl.kind != "param" or decl.name in instance.params or decl.init is not None:
                instance.find(s, decl.name, decl.span)
        except (Abort, RecursionError):
            pass
    return [d for d in engine.diagnostics if d.severity == "error"]


@contextmanager
def _trying(compilation: Compilation) -> Iterator[DiagnosticEngine]:
    """Record messages apart, and leave no other trace."""
    engine, limit, printed = (
        compilation.engine,
        compilation.comptime_limit,
        len(compilation.printed),
    )
    compilation.engine = DiagnosticEngine(trial=True)
    compilation.comptime_limit = min(limit, compilation.steps + MAX_STEPS)
    try:
        yield compilation.engine
    finally:
        compilation.engine, compilation.comptime_limit = engine, limit
        del compilation.printed[printed:]


def _try_function(s: Sema, fn: FnValue) -> None:
    """Compile a function whose types do not depend on its arguments."""
    type_ = signature(s, fn)
    if type_ is None or fn.instance.unit is None or fn.decl.linkage == "extern":
        return
    if any(_at_compile_time(t) for t in (*type_.params, type_.result) if t is not T.VOID):
        return
    function_instance(s, fn, {}, list(type_.params), type_.result)
    s.compilation.functions.compile_pending(s)


def _at_compile_time(type_: T.Type) -> bool:
    return type_.comptime_only and not isinstance(type_, T.DsdType)
