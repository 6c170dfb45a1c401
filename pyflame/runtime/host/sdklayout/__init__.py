"""The SdkLayout API: programs laid out from Python instead of by a ``layout`` block.

`layout` and `region` record what a script says; `plan` turns that into places and routes of the
fabric (`paths` finds the ways, `colors` the colour numbers); `build` compiles the result.
"""

from pyflame.runtime.host.sdklayout.geometry import Edge, IntRectangle, IntVector, Route
from pyflame.runtime.host.sdklayout.layout import FP16TYPE, SdkLayout
from pyflame.runtime.host.sdklayout.region import CodeRegion, PortHandle
from pyflame.runtime.host.sdklayout.routing import (
    Color,
    EdgeRouteInfo,
    RoutingPosition,
    get_edge_routing,
)

__all__ = [
    "FP16TYPE",
    "CodeRegion",
    "Color",
    "Edge",
    "EdgeRouteInfo",
    "IntRectangle",
    "IntVector",
    "PortHandle",
    "Route",
    "RoutingPosition",
    "SdkLayout",
    "get_edge_routing",
]
