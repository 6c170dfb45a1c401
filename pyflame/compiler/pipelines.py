"""The road from tensors to CSL as a table of passes, by name.

A row says on which level a pass works and whether the road is passable without it. The passes
themselves stand in `pyflame.passes.PASSES`; their options are filled by name from `Settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import VerifyException

from pyflame.errors import Gap, PyFlameError, UnsupportedError, VerifyError

if TYPE_CHECKING:
    from xdsl.context import Context


class Level(IntEnum):
    """What a module speaks, from tensors down."""

    TENSOR = 0
    MESH = 1
    DATAFLOW = 2
    CSL = 3


@dataclass(frozen=True)
class Step:
    """One pass on the road; an `optimization` may be left out."""

    name: str
    optimization: bool = False


ROAD: Mapping[Level, tuple[Step, ...]] = MappingProxyType(
    {
        Level.TENSOR: (
            Step("canonicalize", optimization=True),
            Step("cse", optimization=True),
            Step("pyflame-decompose"),
            Step("canonicalize", optimization=True),
            Step("pyflame-fold-transposes", optimization=True),
            Step("pyflame-assign-layouts"),
            Step("convert-pyflame-to-mesh"),
        ),
        Level.MESH: (
            Step("mesh-expand-redistribute"),
            Step("mesh-fuse-compute"),  # masks exist only inside fused bodies
            Step("math-expand-erf"),
            Step("convert-mesh-to-dataflow"),
        ),
        Level.DATAFLOW: (
            Step("dataflow-lower-tokens"),
            Step("dataflow-allocate-colors"),
            Step("dataflow-allocate-queues"),
            Step("dataflow-allocate-tasks"),
            Step("dataflow-spread-banks", optimization=True),
            Step("dataflow-allocate-memory"),
            Step("dataflow-check"),
            Step("dataflow-predict-cycles"),
            Step("convert-dataflow-to-csl"),
        ),
    }
)
"""The passes that take a module from each level to the next, in order."""

NAMED: Mapping[str, tuple[Level, Level]] = MappingProxyType(
    {
        "pyflame-to-mesh": (Level.TENSOR, Level.MESH),
        "mesh-to-dataflow": (Level.MESH, Level.DATAFLOW),
        "dataflow-to-csl": (Level.DATAFLOW, Level.CSL),
        "pyflame-to-csl": (Level.TENSOR, Level.CSL),
    }
)
"""Parts of the road that have a name: from which level, to which."""


@dataclass(frozen=True)
class Settings:
    """Options of the passes on the road, each passed to every pass that has one of that name.

    `rows` and `cols` are the rectangle where layouts leave it open (0: chosen by the pass).
    """

    target: str = "wse2"
    rows: int = 0
    cols: int = 0
    optimize: bool = True
    phase_times: bool = False


def passes(start: Level, stop: Level, settings: Settings) -> list[ModulePass]:
    """The passes from level `start` to level `stop`.

    Raises:
        UnsupportedError: a pass of the road does not exist (yet); all such are listed.
    """
    steps = [
        step
        for level in Level
        if start <= level < stop
        for step in ROAD[level]
        if settings.optimize or not step.optimization
    ]
    known = _all_passes()
    missing = [step.name for step in steps if step.name not in known]
    if missing:
        why = "it stands on the road to CSL but in no table of passes"
        raise UnsupportedError([Gap(f"pass {name!r}", why=why) for name in missing])
    return [_configured(known[step.name](), settings) for step in steps]


def _configured(pass_class: type[ModulePass], settings: Settings) -> ModulePass:
    options = {field.name: getattr(settings, field.name, None) for field in fields(pass_class)}
    return pass_class(**{name: value for name, value in options.items() if value is not None})


@cache
def _all_passes() -> Mapping[str, Callable[[], type[ModulePass]]]:
    from xdsl.transforms import get_all_passes as get_xdsl_passes

    from pyflame.passes import get_all_passes

    return {**get_xdsl_passes(), **get_all_passes()}


def level_of(module: ModuleOp) -> Level:
    """The level that a module stands on: the highest whose ops it still has.

    Raises:
        PyFlameError: the module has ops of none of the levels.
    """
    found = {op.name.partition(".")[0] for op in module.walk() if op is not module}
    for level, dialects in _DIALECTS:
        if found & dialects:
            return level
    if found <= {"func", "arith"}:
        return Level.TENSOR
    names = ", ".join(sorted(found)) or "none"
    raise PyFlameError(f"the module has ops of no level of the road; its dialects are: {names}")


_DIALECTS: Sequence[tuple[Level, frozenset[str]]] = (
    (Level.TENSOR, frozenset({"pyflame"})),
    (Level.MESH, frozenset({"mesh"})),
    (Level.DATAFLOW, frozenset({"dataflow"})),
    (Level.CSL, frozenset({"csl", "csl_ext"})),
)


def run(
    module: ModuleOp, stop: Level, settings: Settings, ctx: Context | None = None
) -> Iterator[tuple[Level, ModuleOp]]:
    """Take `module` down to level `stop` in place; gives it at every level on the way, its own
    first.

    Every level's module is verified.

    Raises:
        PyFlameError: a pass refuses the module.
    """
    from pyflame.dialects import new_context

    context = ctx or new_context()
    level = level_of(module)
    yield level, module
    while level < stop:
        for step in passes(level, Level(level + 1), settings):
            step.apply(context, module)
        _verify(module, level)
        level = Level(level + 1)
        yield level, module


def _verify(module: ModuleOp, level: Level) -> None:
    """Check what the passes from `level` made; a mistake is theirs, not the user's."""
    try:
        module.verify()
    except VerifyException as error:
        name = level.name.lower()
        raise VerifyError(f"the passes from level {name} made an invalid module: {error}") from None


def lower(module: ModuleOp, stop: Level, settings: Settings, ctx: Context | None = None) -> None:
    """Take `module` down to level `stop` in place.

    Raises:
        PyFlameError: a pass refuses the module.
    """
    for _ in run(module, stop, settings, ctx):
        pass
