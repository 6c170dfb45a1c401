"""Small layouts for the tests of SdkLayout."""

from __future__ import annotations

from pyflame.runtime.host.sdklayout import (
    CodeRegion,
    Color,
    Edge,
    PortHandle,
    Route,
    RoutingPosition,
    SdkLayout,
)

_NAMES = {route.name[0]: route for route in Route}


def routes(inputs: str = "", outputs: str = "") -> RoutingPosition:
    """``routes("W", "RE")``: from WEST to RAMP and EAST."""
    position = RoutingPosition()
    return position.set_input([_NAMES[n] for n in inputs]).set_output([_NAMES[n] for n in outputs])


def region(
    layout: SdkLayout, name: str, x: int, y: int, width: int = 1, height: int = 1
) -> CodeRegion:
    """A placed region that runs ``pe.csl``."""
    found = layout.create_code_region("pe.csl", name, width, height)
    found.place(x, y)
    return found


def leaving(
    source: CodeRegion, edge: Edge, size: int = 4, color: Color | None = None
) -> PortHandle:
    """A port for what the region's PEs send, on the colour ``out``."""
    return source.create_output_port(color or source.color("out"), edge, [routes("R", "")], size)


def entering(
    target: CodeRegion, edge: Edge, size: int = 4, color: Color | None = None
) -> PortHandle:
    """A port for what the region's PEs receive, on the colour ``in``."""
    return target.create_input_port(color or target.color("in"), edge, [routes("", "R")], size)
