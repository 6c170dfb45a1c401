"""Places and routes of a layout: where regions stand and which way each connection takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyflame.arch import Arch
from pyflame.errors import LayoutError, ResourceError
from pyflame.runtime.host.sdklayout.colors import Net, number_nets
from pyflame.runtime.host.sdklayout.geometry import LINKS, IntVector, Route
from pyflame.runtime.host.sdklayout.layout import SdkLayout, Stream
from pyflame.runtime.host.sdklayout.paths import OUTSIDE, OWNED, SHARED, STEP, Search, towards
from pyflame.runtime.host.sdklayout.region import CodeRegion, PortHandle
from pyflame.runtime.host.sdklayout.routing import Position

MARGIN = 2
"""Columns and rows around the regions that ways may use."""


@dataclass(frozen=True)
class HostEnd:
    """A PE of the layout's own at which a stream meets the host."""

    at: IntVector
    stream: Stream
    net: Net


@dataclass(frozen=True, eq=False)
class Job:
    """A way, or one for each PE of a port, that has to be found."""

    name: str
    net: Net
    source: PortHandle | None
    """Where wavelets leave a region; None for streams from the host."""
    target: PortHandle | None
    """Where they enter one; None for streams to the host."""
    stream: Stream | None = None


class Blocked(Exception):
    """No way is left for `job`; `others` are the jobs whose ways it would have to cross."""

    def __init__(self, job: Job, others: list[Job]) -> None:
        super().__init__(job.name)
        self.job, self.others = job, others


class Plan:
    """The fabric's view of a layout, in the layout's coordinates.

    `owner` says which region a PE belongs to, `routes` holds the switch positions of each net at
    each PE, `ends` the PEs of host streams, `host` the colour on which they hand words to the
    host. The rectangle that the program needs has its corner at `corner` and `size`.

    Raises:
        LayoutError: regions overlap, routes are incomplete or contradict each other, or a
            connection finds no way.
        ResourceError: colours or the wafer do not suffice.
    """

    def __init__(self, layout: SdkLayout, arch: Arch) -> None:
        self.layout, self.arch = layout, arch
        self.owner: dict[IntVector, tuple[CodeRegion, IntVector]] = {}
        self.origins: dict[str, IntVector] = {}
        self.routes: dict[tuple[IntVector, Net], tuple[Position, ...]] = {}
        self.ends: list[HostEnd] = []
        self.host = Net(label="host streams")
        self._net_of: dict[str, Net] = {}
        self._by: dict[tuple[IntVector, Net], Job] = {}
        self._busy: set[IntVector] = set()
        self._place()
        self._area = self._limits()
        self._join()
        self._paint()
        self._lay_all(self._jobs())
        self._complete()
        self._bound()
        self.host.cells = {end.at: None for end in self.ends if not end.stream.incoming}
        number_nets([*self.nets, self.host], arch)

    @property
    def nets(self) -> list[Net]:
        """All nets of the layout's colours, in order of first use."""
        return list(dict.fromkeys(self._net_of.values()))

    def net(self, name: str) -> Net:
        """The net of the colour with this global name."""
        return self._net_of[name]

    def absolute(self, region: CodeRegion, place: IntVector) -> IntVector:
        """The layout's coordinates of a place in a region."""
        return self.origins[region.name].plus(place)

    # Places

    def _place(self) -> None:
        regions = self.layout.regions
        if not regions:
            raise LayoutError("the layout has no code region; create_code_region makes one")
        column = max((r.at.x + r.width + 1 for r in regions if r.at), default=0)
        for region in regions:
            at = region.at
            if at is None:
                at = IntVector(column, 0)
                column += region.width + 1
            self.origins[region.name] = at
            self._check_size(at.x + region.width, at.y + region.height)
            for place in region.every():
                cell = at.plus(place)
                other = self.owner.setdefault(cell, (region, place))[0]
                if other is not region:
                    raise LayoutError(
                        f"regions {other.name!r} and {region.name!r} overlap at PE {tuple(cell)}"
                    )

    def _check_size(self, width: int, height: int) -> None:
        if width > self.arch.fabric[0] or height > self.arch.fabric[1]:
            raise ResourceError(
                f"the layout needs {width} × {height} PEs, {self.arch.name} has "
                f"{self.arch.fabric[0]} × {self.arch.fabric[1]}"
            )

    def _limits(self) -> tuple[IntVector, IntVector]:
        """Corners of the PEs that ways may use, both included."""
        places = [s.io_loc for s in self.layout.streams if s.io_loc is not None]
        for place in places:
            self._check_size(abs(place.x) + 1, abs(place.y) + 1)
        cells = [*self.owner, *places, IntVector(0, 0)]
        low, high = (
            IntVector(edge(c.x for c in cells), edge(c.y for c in cells)) for edge in (min, max)
        )
        return low.plus((-MARGIN, -MARGIN)), high.plus((MARGIN, MARGIN))

    def _bound(self) -> None:
        """The rectangle around everything; the layout's (0, 0) is inside it."""
        cells = [*self.owner, *(cell for cell, _ in self.routes)]
        left, top = (min(0, *(cell[axis] for cell in cells)) for axis in (0, 1))
        width = 1 + max(cell.x for cell in cells) - left
        height = 1 + max(cell.y for cell in cells) - top
        self._check_size(width, height)
        self.corner, self.size = IntVector(left, top), (width, height)

    # Colours

    def _join(self) -> None:
        for region in self.layout.regions:
            for name, color in region.colors.items():
                net = self._net_of.setdefault(name, Net())
                known = next((c for c in net.colors if c.get_value() == color.get_value()), None)
                if known is None:
                    net.colors.append(color)
        for stream in self.layout.streams:
            self._net_of.setdefault(stream.color.get_global_name(), Net([stream.color]))
        for source, target in self.layout.connections:
            kept = self._net_of[source.color.get_global_name()]
            gone = self._net_of[target.color.get_global_name()]
            if kept is not gone:
                kept.colors += gone.colors
                for name, net in self._net_of.items():
                    if net is gone:
                        self._net_of[name] = kept

    def _paint(self) -> None:
        for region in self.layout.regions:
            for (place, name), positions in region.painted.items():
                self._route(self.absolute(region, place), self._net_of[name], positions)
            for place, params in region.params.items():
                for value in params.values():
                    if not isinstance(value, int):
                        net = self._net_of[value.get_global_name()]
                        net.cells[self.absolute(region, place)] = None

    def _route(self, at: IntVector, net: Net, positions: tuple[Position, ...]) -> None:
        if (at, net) in self.routes:
            raise LayoutError(
                f"colours {net} are one colour, which is routed twice at PE {tuple(at)}"
            )
        if len(positions) > self.arch.switch_positions:
            raise LayoutError(
                f"colour {net} has {len(positions)} positions at PE {tuple(at)}; a switch has "
                f"{self.arch.switch_positions}"
            )
        self.routes[at, net] = positions
        self._busy.add(at)
        net.cells[at] = None
        net.switched |= len(positions) > 1

    # Ways

    def _jobs(self) -> list[Job]:
        jobs = [
            Job(f"connection of {tx.name!r} to {rx.name!r}", self._port_net(tx), tx, rx)
            for tx, rx in self.layout.connections
        ]
        for stream in self.layout.streams:
            name = f"stream {stream.name!r}"
            net = self._net_of[stream.color.get_global_name()]
            if stream.incoming:
                jobs.append(Job(name, net, None, stream.port, stream))
            else:
                jobs.append(Job(name, net, stream.port, None, stream))
        return jobs

    def _port_net(self, port: PortHandle) -> Net:
        return self._net_of[port.color.get_global_name()]

    def _lay_all(self, jobs: list[Job]) -> None:
        """Find all ways; one that is blocked by others gets its turn before them.

        Raises:
            LayoutError: no order helps; names the first way that is blocked and what blocks it.
        """
        painted = dict(self.routes)
        known = [dict(net.cells) for net in self.nets]
        moved: set[Job] = set()
        error: LayoutError | None = None
        while True:
            try:
                for job in jobs:
                    self._lay(job)
                return
            except Blocked as blocked:
                job = blocked.job
                error = error or _no_way(job, blocked.others)
                if job in moved or not blocked.others:
                    raise error from None
                moved.add(job)
                jobs = [job, *(other for other in jobs if other is not job)]
                self.routes, self.ends, self._by = dict(painted), [], {}
                self._busy = {cell for cell, _ in painted}
                for net, cells in zip(self.nets, known, strict=True):
                    net.cells = dict(cells)

    def _lay(self, job: Job) -> None:
        stream = job.stream
        if stream is None:
            assert job.source is not None and job.target is not None
            lanes = zip(job.source.places, job.target.places, strict=True)
            for here, there in lanes:
                start = self.absolute(job.source.region, here)
                goal = self.absolute(job.target.region, there)
                self._follow(job, self._way(job, start, goal, job.source, job.target))
        elif stream.port is None:
            self._end_beside(job, stream)
        else:
            port = stream.port
            start = self.absolute(port.region, port.places[0])
            if stream.io_loc is not None:
                self._check_end(stream.io_loc, stream)
            way = self._way(job, start, stream.io_loc, port, None)
            self._follow(job, way[::-1] if stream.incoming else way)
            self.ends.append(HostEnd(way[-1], stream, job.net))

    def _way(
        self,
        job: Job,
        start: IntVector,
        goal: IntVector | None,
        port: PortHandle,
        other: PortHandle | None,
    ) -> list[IntVector]:
        """The cheapest way from one port to another PE.

        Raises:
            Blocked: there is none.
        """
        ends = {end.at for end in self.ends}

        def free(cell: IntVector) -> bool:
            return cell not in self.owner and cell not in ends

        def search(blocked: bool) -> list[IntVector]:
            return Search(
                start,
                goal,
                lambda cell: self._cost(cell, job.net, blocked),
                free,
                self._doors(start, port),
                LINKS if goal is None or other is None else self._doors(goal, other),
            ).run()

        way = search(True)
        if not way:
            crossed = (self._by.get((cell, job.net)) for cell in search(False)[1:-1])
            raise Blocked(job, list(dict.fromkeys(j for j in crossed if j is not None)))
        return way

    def _cost(self, cell: IntVector, net: Net, blocked: bool) -> int | None:
        """What a way of `net` pays for a PE; where the net is already, nothing else may pass."""
        low, high = self._area
        if not (low.x <= cell.x <= high.x and low.y <= cell.y <= high.y):
            return None
        if cell in net.cells:
            if blocked or (cell, net) not in self._by:
                return None
            return OWNED
        cost = OWNED if cell in self.owner else STEP
        if cell in self._busy:
            cost = max(cost, SHARED)
        return cost + (OUTSIDE if min(cell) < 0 else 0)

    def _doors(self, cell: IntVector, port: PortHandle) -> tuple[Route, ...]:
        """The router ports through which a port's colour may enter or leave, its edge's first."""
        positions = self.routes[cell, self._port_net(port)]
        used = {route for p in positions for route in (p.outputs if port.incoming else p.inputs)}
        edge = port.edge.value
        order = (edge, *(route for route in LINKS if route is not edge))
        return tuple(route for route in order if route not in used)

    def _follow(self, job: Job, way: list[IntVector]) -> None:
        """Route a job's net along a way from where wavelets come to where they go."""
        for i, cell in enumerate(way):
            into = towards(cell, way[i - 1]) if i else None
            out = towards(cell, way[i + 1]) if i + 1 < len(way) else None
            key = (cell, job.net)
            self._by[key] = job
            if key in self.routes:
                self.routes[key] = tuple(
                    Position(p.inputs or _side(into), p.outputs or _side(out))
                    for p in self.routes[key]
                )
            else:
                position = Position(_side(into or Route.RAMP), _side(out or Route.RAMP))
                self._route(cell, job.net, (position,))

    # Host streams

    def _end_beside(self, job: Job, stream: Stream) -> None:
        """The end of a stream whose colour is painted to cross a region's edge at `loc`."""
        loc = stream.loc
        assert loc is not None
        kind = "input" if stream.incoming else "output"
        what = f"{kind} stream {stream.name!r} at PE {tuple(loc)}"
        positions = self.routes.get((loc, job.net))
        if loc not in self.owner or positions is None:
            raise LayoutError(f"{what}: no code region there has colour {job.net} painted")
        sides = (p.inputs if stream.incoming else p.outputs for p in positions)
        ways = dict.fromkeys(route for side in sides for route in side if route is not Route.RAMP)
        places = [(loc.step(route), route) for route in ways]
        outside = [place for place in places if place[0] not in self.owner]
        if len(outside) != 1:
            raise LayoutError(
                f"{what}: the painted {kind}s of colour {job.net} lead to {len(outside)} PEs "
                "outside all regions; expected exactly one"
            )
        at, route = outside[0]
        self._check_end(at, stream)
        back = (route.opposite,)
        ramp = (Route.RAMP,)
        self._route(
            at, job.net, (Position(ramp, back) if stream.incoming else Position(back, ramp),)
        )
        self._by[at, job.net] = job
        self.ends.append(HostEnd(at, stream, job.net))

    def _check_end(self, at: IntVector, stream: Stream) -> None:
        used = next((end.stream.name for end in self.ends if end.at == at), None)
        if used is None and at in self.owner:
            used = f"region {self.owner[at][0].name}"
        if used is not None:
            raise LayoutError(
                f"stream {stream.name!r}: its own PE would be {tuple(at)}, which {used!r} uses"
            )

    # Checks

    def _complete(self) -> None:
        """Fill in the edges of ports that nothing is connected to, and check all positions."""
        for region in self.layout.regions:
            for port in region.ports:
                edge = (port.edge.value,)
                for place in port.places:
                    key = (self.absolute(region, place), self._port_net(port))
                    self.routes[key] = tuple(
                        Position(p.inputs or edge, p.outputs or edge) for p in self.routes[key]
                    )
        problems = [text for key, found in self.routes.items() for text in self._wrong(key, found)]
        if problems:
            raise LayoutError("\n".join(problems[:20]))

    def _wrong(self, key: tuple[IntVector, Net], positions: tuple[Position, ...]) -> Iterator[str]:
        at, net = key
        what = f"colour {net} at PE {tuple(at)}"
        if at in self.owner:
            region, place = self.owner[at]
            what += f", {tuple(place)} of region {region.name!r}"
        before = None
        for i, now in enumerate(positions):
            if not now.inputs or not now.outputs:
                side = "outputs" if now.inputs else "inputs"
                yield f"{what}: position {i} has no {side}"
            elif before is not None:
                changed = [
                    side for old, side in zip(before, now, strict=True) if set(old) != set(side)
                ]
                if len(changed) > 1 and not self.arch.switch_overrides_both:
                    yield (
                        f"{what}: position {i} changes inputs and outputs; on {self.arch.name} a "
                        "switch changes one of the two"
                    )
                elif any(len(side) > 1 for side in changed):
                    yield f"{what}: position {i} changes to several ports; expected one"
            before = now


def _side(route: Route | None) -> tuple[Route, ...]:
    return () if route is None else (route,)


def _no_way(job: Job, others: list[Job]) -> LayoutError:
    if not others:
        return LayoutError(f"no way is free for {job.name}; leave more room around the regions")
    names = " and ".join(other.name for other in others)
    return LayoutError(
        f"no way is free for {job.name}: it would have to cross {names}, of the same colour "
        f"{job.net}; give them colours of their own, or leave more room around the regions"
    )
