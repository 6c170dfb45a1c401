"""Readers of other model formats, found by the suffix of a file.

A package adds one with an entry point of the group ``pyflame.importers``: its name is the suffix
(``onnx``), its object a function of a path that returns a `ModelFile`. The tools import no such
package themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pyflame.cli.common import UsageError

if TYPE_CHECKING:
    import numpy as np
    from xdsl.dialects.builtin import ModuleOp

GROUP = "pyflame.importers"


class ImportedModel(Protocol):
    """A model as a module of the `pyflame` dialect, its weights as arguments by name."""

    @property
    def module(self) -> ModuleOp:
        """One function; an argument's name is its attribute ``pyflame.name``."""
        ...

    @property
    def weights(self) -> Mapping[str, np.ndarray]:
        """The arguments that are weights: those with the attribute ``pyflame.weight``."""
        ...


class ModelFile(Protocol):
    """A model that has been read and checked."""

    def to_module(self, shapes: Mapping[str, Sequence[int]]) -> ImportedModel:
        """The model with its inputs of these shapes, by name, where its own are not fixed."""
        ...


def suffixes() -> list[str]:
    """The file suffixes that can be imported, such as ``.onnx``."""
    return sorted({f".{point.name}" for point in entry_points(group=GROUP)})


def importer(suffix: str) -> Callable[[Path], ModelFile]:
    """The reader of files with this suffix.

    Raises:
        UsageError: no installed package reads them.
    """
    for point in entry_points(group=GROUP, name=suffix.removeprefix(".")):
        return point.load()
    known = ", ".join(suffixes()) or "none; is PyFlame installed?"
    raise UsageError(f"there is no importer of {suffix} files; there are: {known}")
