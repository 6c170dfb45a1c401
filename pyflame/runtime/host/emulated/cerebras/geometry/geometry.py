"""Places and rectangles."""

from pyflame.runtime.host.layout_api import IntRectangle, IntVector

__all__ = ["IntRectangle", "IntVector"]
