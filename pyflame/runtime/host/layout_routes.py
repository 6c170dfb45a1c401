"""Places and routes of a layout: where regions stand, how ports are connected, which colours."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from pyflame.arch import Arch
from pyflame.errors import LayoutError, ResourceError
from pyflame.runtime.host.layout_api import (
    CodeRegion,
    Color,
    IntVector,
    Port,
    Route,
    SdkLayout,
    SwitchPosition,
)

MARGIN = 1
"""Free PEs kept around the regions, for connections and for the host's streams."""
_STEPS = (Route.EAST, Route.SOUTH, Route.WEST, Route.NORTH)


@dataclass(frozen=True)
class Adaptor:
    """A PE beside a port that passes wavelets between the host and the port's colour."""

    at: IntVector
    port: Port


@dataclass(eq=False)
class Net:
    """Colours that are joined by connections, and so are one colour of the fabric."""

    colors: list[Color] = field(default_factory=list)
    pes: set[IntVector] = field(default_factory=set)
    number: int = -1
    switched: bool = False  # some PE has more than one switch position of it


class Plan:
    """The fabric's view of a layout. Coordinates count from the program's own corner.

    `routes` holds the switch positions of a net at a PE, `nets` the colours, `adaptors` the
    host's streams; the rectangle is `width` × `height`, and the layout's (0, 0) is at `origin`.
    """

    def __init__(self, layout: SdkLayout, arch: Arch) -> None:
        self.layout, self.arch = layout, arch
        self.origin = IntVector(MARGIN, MARGIN)
        self.owner: dict[IntVector, tuple[CodeRegion, IntVector]] = {}
        self.routes: dict[tuple[IntVector, Net], tuple[SwitchPosition, ...]] = {}
        self.adaptors: list[Adaptor] = []
        self._net_of: dict[Color, Net] = {}
        self._place()
        self._join()
        self._paint()
        for source, target in layout.connections:
            self._connect(source, target)
        for port in (*layout.inputs, *layout.outputs):
            self._stream(port)

    @property
    def nets(self) -> list[Net]:
        """All nets, each once, in order of first use."""
        return list(dict.fromkeys(self._net_of.values()))

    def net(self, color: Color) -> Net:
        """The net of a colour."""
        if color not in self._net_of:
            self._net_of[color] = Net([color])
        return self._net_of[color]

    # Places

    def _place(self) -> None:
        regions = self.layout.regions
        if not regions:
            raise LayoutError("the layout has no code region")
        column = max((r.at.x + r.width + 1 for r in regions if r.at), default=0)
        for region in regions:
            if region.at is None:
                region.at = IntVector(column, 0)
                column += region.width + 1
            for place in region.every():
                at = self.absolute(region, place)
                if min(region.at) < 0:
                    raise LayoutError(f"region {region.name!r} is placed at {tuple(region.at)}")
                if at in self.owner:
                    other = self.owner[at][0].name
                    raise LayoutError(f"regions {other!r} and {region.name!r} overlap")
                self.owner[at] = (region, place)
        self.width = 1 + MARGIN + max(at.x for at in self.owner)
        self.height = 1 + MARGIN + max(at.y for at in self.owner)

    def absolute(self, region: CodeRegion, place: IntVector) -> IntVector:
        """The program's coordinates of a place in a region."""
        assert region.at is not None
        return IntVector(
            region.at.x + place.x + self.origin.x, region.at.y + place.y + self.origin.y
        )

    # Colours

    def _join(self) -> None:
        for source, target in self.layout.connections:
            kept, gone = self.net(source.color), self.net(target.color)
            if kept is not gone:
                kept.colors += gone.colors
                self._net_of.update(dict.fromkeys(gone.colors, kept))

    def _paint(self) -> None:
        for region in self.layout.regions:
            for (place, color), positions in region.painted.items():
                self._route(self.absolute(region, place), color, positions)
            for place, params in region.params.items():
                for value in params.values():
                    if isinstance(value, Color):
                        self.net(value).pes.add(self.absolute(region, place))

    def _route(self, at: IntVector, color: Color, positions: tuple[SwitchPosition, ...]) -> None:
        net = self.net(color)
        if (at, net) in self.routes:
            raise LayoutError(
                f"colours {' and '.join(repr(c.name) for c in net.colors)} are connected, but both "
                f"are routed at PE {tuple(at)}"
            )
        self.routes[at, net] = positions
        net.pes.add(at)
        net.switched |= len(positions) > 1

    # Connections

    def _connect(self, source: Port, target: Port) -> None:
        for place, other in zip(source.places(), target.places(), strict=True):
            start = self.absolute(source.region, place)
            end = self.absolute(target.region, other)
            first, last = step(start, source.edge.value), step(end, target.edge.value)
            if first == end and last == start:
                continue
            what = f"{source.name!r} to {target.name!r}"
            cells = self._path(first, lambda at, last=last: at == last, source.color, what)
            self._lay(cells, start, end, source.color)

    def _stream(self, port: Port) -> None:
        (place,) = port.places()
        start = self.absolute(port.region, place)
        first = step(start, port.edge.value)
        taken = {adaptor.at for adaptor in self.adaptors}
        cells = self._path(
            first, lambda at: at not in self.owner and at not in taken, port.color, port.name
        )
        self.adaptors.append(Adaptor(cells[-1], port))
        nodes = [start, *cells]
        ports = [towards(a, b) for a, b in pairwise(nodes)]
        for i, at in enumerate(cells):
            outer = ports[i + 1] if i + 1 < len(ports) else Route.RAMP
            inner = ports[i].opposite
            ends = (outer, inner) if port.incoming else (inner, outer)
            self._route(at, port.color, (SwitchPosition((ends[0],), (ends[1],)),))

    def _lay(self, cells: list[IntVector], start: IntVector, end: IntVector, color: Color) -> None:
        nodes = [start, *cells, end]
        for before, at, after in zip(nodes, cells, nodes[2:], strict=False):
            positions = SwitchPosition((towards(at, before),), (towards(at, after),))
            self._route(at, color, (positions,))

    def _path(
        self, first: IntVector, done: Callable[[IntVector], bool], color: Color, what: str
    ) -> list[IntVector]:
        """The shortest way from `first` to a PE that is `done`; other regions are a last resort."""
        used = self.net(color).pes
        for blocked in ({*self.owner, *used}, used):
            cells = self._search(first, done, blocked)
            if cells:
                return cells
        raise LayoutError(f"no way is free for {what}; leave more room between the regions")

    def _search(
        self, first: IntVector, done: Callable[[IntVector], bool], blocked: Iterable[IntVector]
    ) -> list[IntVector]:
        closed = set(blocked)
        if first in closed or not self._inside(first):
            return []
        came: dict[IntVector, IntVector | None] = {first: None}
        queue = deque([first])
        while queue:
            at = queue.popleft()
            if done(at):
                cells: list[IntVector] = []
                node: IntVector | None = at
                while node is not None:
                    cells.append(node)
                    node = came[node]
                return cells[::-1]
            for route in _STEPS:
                beside = step(at, route)
                if beside not in came and beside not in closed and self._inside(beside):
                    came[beside] = at
                    queue.append(beside)
        return []

    def _inside(self, at: IntVector) -> bool:
        return 0 <= at.x < self.width and 0 <= at.y < self.height

    # Numbers

    def number(self, extra: Iterable[Net]) -> None:
        """Choose a colour number for each net and each of `extra`: different where they meet.

        Raises:
            ResourceError: the colours do not suffice.
        """
        done: list[Net] = []
        nets = [*self.nets, *extra]
        for net in nets:
            given = {color.value for color in net.colors if color.value is not None}
            if len(given) > 1:
                raise LayoutError(f"connected colours have the numbers {sorted(given)}")
            if given:
                (net.number,) = given
                done.append(net)
        for net in nets:
            if net in done:
                continue
            taken = {other.number for other in done if other.pes & net.pes}
            free = (
                n
                for n in self.arch.user_colors
                if n not in taken and (not net.switched or n in self.arch.switchable_colors)
            )
            net.number = next(free, -1)
            if net.number < 0:
                names = ", ".join(color.name for color in net.colors) or "a host stream"
                raise ResourceError(f"no colour is left for {names}: {len(taken)} meet it")
            done.append(net)


def step(at: IntVector, route: Route) -> IntVector:
    """The neighbour through a port."""
    return IntVector(at.x + route.value[0], at.y + route.value[1])


def towards(at: IntVector, neighbour: IntVector) -> Route:
    """The port of `at` that leads to `neighbour`."""
    return Route((neighbour.x - at.x, neighbour.y - at.y))
