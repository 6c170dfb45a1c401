"""Packages of the SDK that cannot exist here."""

from __future__ import annotations

from pyflame.errors import UnsupportedError


class AbsentPackageError(UnsupportedError, ImportError):
    """A package of the SDK that drives real machines was imported."""

    def __init__(self, module: str, what: str, hint: str) -> None:
        super().__init__(f"import of {module}: {what}", hint=hint)
