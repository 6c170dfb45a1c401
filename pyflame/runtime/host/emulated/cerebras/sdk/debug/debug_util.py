"""Looking into a program after it has run."""

from pyflame.runtime.host.debug import debug_util

__all__ = ["debug_util"]
