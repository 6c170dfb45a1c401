"""Lowering with a rectangle that fits: chosen where it is open, searched for where it is not."""

from __future__ import annotations

from dataclasses import replace

from xdsl.dialects.builtin import ModuleOp

from pyflame.arch import TARGETS
from pyflame.compiler.pipelines import Level, Settings, level_of, lower
from pyflame.compiler.prepare import explicit_rectangle, on_rectangle
from pyflame.errors import LayoutError, MemoryLimitError
from pyflame.passes.dataflow_allocate_memory import ProgramMemoryError, smallest_rectangle


def lower_to_csl(module: ModuleOp, settings: Settings) -> ModuleOp:
    """A copy of `module` at the csl level.

    Where neither layouts nor `settings` say how large the rectangle is, it grows until every PE's
    memory suffices.

    Raises:
        LayoutError: `settings` and the module's layouts name different rectangles.
        MemoryLimitError: a PE's memory does not suffice; names the smallest rectangle that would.
        PyFlameError: a pass refuses the module.
    """
    explicit = explicit_rectangle(module)
    _check_rectangle(explicit, settings)
    try:
        return _lowered(module, settings)
    except MemoryLimitError as error:
        if level_of(module) is not Level.TENSOR:
            raise
        found = _search(module, settings, error)
        is_open = explicit is None and not (settings.rows or settings.cols)
        if found is None or not is_open:
            raise _with_smallest(error, found) from None
        return _lowered(module, replace(settings, rows=found[0], cols=found[1]))


def _check_rectangle(explicit: tuple[int, int] | None, settings: Settings) -> None:
    if explicit in (None, (1, 1)):
        return
    asked = (settings.rows, settings.cols)
    if any(want not in (0, have) for want, have in zip(asked, explicit, strict=True)):
        raise LayoutError(
            f"the layouts are on {explicit[0]}×{explicit[1]} PEs (rows × columns), the options ask "
            f"for {asked[0]}×{asked[1]}; leave fabric_height and fabric_width at 0 or change the "
            "layouts"
        )


def _lowered(module: ModuleOp, settings: Settings) -> ModuleOp:
    copy = module.clone()
    lower(copy, Level.CSL, settings)
    return copy


def _search(
    module: ModuleOp, settings: Settings, error: MemoryLimitError
) -> tuple[int, int] | None:
    """The smallest rectangle of the same proportions on which the module fits."""
    explicit = explicit_rectangle(module)

    def fits(rows: int, cols: int) -> bool:
        try:
            if explicit is not None:
                _lowered(on_rectangle(module, rows, cols), settings)
            else:
                _lowered(module, replace(settings, rows=rows, cols=cols))
        except MemoryLimitError:
            return False
        return True

    start = explicit or (settings.rows or 1, settings.cols or 1)
    if isinstance(error, ProgramMemoryError):
        start = error.usage.rectangle
    cols, rows = TARGETS[settings.target].usable
    return smallest_rectangle(fits, start, (rows, cols))


def _with_smallest(error: MemoryLimitError, found: tuple[int, int] | None) -> MemoryLimitError:
    """`error` with the rectangle that would do, or that none would."""
    if isinstance(error, ProgramMemoryError):
        return error.with_smallest(found)
    if found is None:
        return MemoryLimitError(f"{error}\nNo rectangle of this shape on the wafer fits.")
    rows, cols = found
    return MemoryLimitError(
        f"{error}\nThe smallest rectangle of this shape that fits is {rows}×{cols} PEs."
    )
