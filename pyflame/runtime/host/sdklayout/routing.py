"""Colours and switch positions, as scripts name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pyflame.errors import DTypeError, LayoutError
from pyflame.runtime.host.sdklayout.geometry import Edge, Route

LAST_COLOR = 23
"""Highest colour number of a router."""


class Color:
    """A colour by name. Its number is `value`, or chosen when the layout is compiled.

    Colours with equal global names are one colour. `CodeRegion.color` makes colours whose global
    name starts with their region's.
    """

    def __init__(self, name: str, value: int | None = None, *, region: str = "") -> None:
        if not isinstance(name, str) or not name:
            raise DTypeError(f"Color: the name is {name!r}; expected a text that is not empty")
        if value is not None and not (isinstance(value, int) and 0 <= value <= LAST_COLOR):
            raise LayoutError(
                f"colour {name!r} has the value {value!r}; expected 0 to {LAST_COLOR}"
            )
        self._name, self._value, self._region = name, value, region

    def get_global_name(self) -> str:
        """The name that no other colour has: ``region_name`` for a region's own colours."""
        return f"{self._region}_{self._name}" if self._region else self._name

    def get_local_param_name(self) -> str:
        """The name of the program parameter that `set_param` gives this colour to."""
        return self._name

    def get_value(self) -> int | None:
        """The number that was given, if one was."""
        return self._value

    def __repr__(self) -> str:
        return f"Color({self.get_global_name()!r})"


class RoutingPosition:
    """Inputs and outputs of one switch position of a colour."""

    def __init__(self) -> None:
        self._inputs: list[Route] = []
        self._outputs: list[Route] = []

    def set_input(self, routes: Iterable[Route]) -> RoutingPosition:
        """Take wavelets from these ports."""
        self._inputs = _routes("set_input", routes)
        return self

    def set_output(self, routes: Iterable[Route]) -> RoutingPosition:
        """Copy wavelets to these ports."""
        self._outputs = _routes("set_output", routes)
        return self

    def add_input(self, route: Route) -> RoutingPosition:
        """Take wavelets from one port more."""
        return self.set_input([*self._inputs, route])

    def add_output(self, route: Route) -> RoutingPosition:
        """Copy wavelets to one port more."""
        return self.set_output([*self._outputs, route])

    def get_input(self) -> list[Route]:
        """The ports from which wavelets are taken."""
        return list(self._inputs)

    def get_output(self) -> list[Route]:
        """The ports to which wavelets are copied."""
        return list(self._outputs)


def _routes(call: str, routes: Any) -> list[Route]:
    if isinstance(routes, Route):
        raise DTypeError(
            f"RoutingPosition.{call}: {routes} is one route; expected a list of routes"
        )
    found = list(routes)
    for route in found:
        if not isinstance(route, Route):
            raise DTypeError(f"RoutingPosition.{call}: {route!r} is not a Route")
    return list(dict.fromkeys(found))


class Position(NamedTuple):
    """One switch position; a side that a port leaves open is empty."""

    inputs: tuple[Route, ...]
    outputs: tuple[Route, ...]


def read_positions(what: str, routes: Any) -> tuple[Position, ...]:
    """What a list of `RoutingPosition` says now; `what` names the call in messages.

    Raises:
        DTypeError: it is something else.
        LayoutError: the list is empty.
    """
    if not isinstance(routes, (list, tuple)) or not all(
        isinstance(position, RoutingPosition) for position in routes
    ):
        raise DTypeError(f"{what}: the routes are {routes!r}; expected a list of RoutingPosition")
    if not routes:
        raise LayoutError(f"{what}: the list of routes is empty")
    return tuple(Position(tuple(p.get_input()), tuple(p.get_output())) for p in routes)


class EdgeRouteInfo(NamedTuple):
    """Routes that replace a region's own along one edge."""

    edge: Edge
    positions: tuple[Position, ...]


def get_edge_routing(edge: Edge, routes: Sequence[RoutingPosition]) -> EdgeRouteInfo:
    """Routes for the PEs along `edge`."""
    return EdgeRouteInfo(edge, read_positions("get_edge_routing", routes))
