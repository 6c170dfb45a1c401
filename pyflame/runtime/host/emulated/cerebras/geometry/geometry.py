"""Places and rectangles."""

from pyflame.runtime.host.sdklayout import IntRectangle, IntVector

__all__ = ["IntRectangle", "IntVector"]
