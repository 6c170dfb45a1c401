"""From an SdkLayout to a compiled directory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pyflame.arch import target
from pyflame.errors import LayoutError
from pyflame.runtime.csl.compile import TileCode, TileColor, compile_tiles
from pyflame.runtime.fabric.image import Contents, Program
from pyflame.runtime.fabric.image import Position as SwitchPosition
from pyflame.runtime.fabric.image import Route as Configuration
from pyflame.runtime.fabric.isa import Direction
from pyflame.runtime.host.artifact import write_artifact
from pyflame.runtime.host.memory import find_variable
from pyflame.runtime.host.sdklayout.geometry import IntVector, Route
from pyflame.runtime.host.sdklayout.layout import SdkLayout
from pyflame.runtime.host.sdklayout.plan import Plan
from pyflame.runtime.host.streams import StreamEnd, write_streams

HOST_END = Path(__file__).with_name("host_end.csl")
"""The program of a stream's own PE."""
COLORS = "colors.json"
PORT_MAP = "_port_map.json"


def build(layout: SdkLayout, directory: Path, libs: Sequence[Path], fp16_format: str) -> None:
    """Compile `layout` into `directory`; sources are found from the current directory.

    Raises:
        LayoutError, ResourceError: as `Plan`.
        ParseError: a CSL file has errors.
    """
    arch = target(layout.platform.target.value)
    plan = Plan(layout, arch)
    program = compile_tiles(
        _tiles(plan),
        _routes(plan),
        plan.size,
        arch=arch.name,
        streaming={"D2H": plan.host.number} if plan.host.cells else {},
        import_paths=libs,
        fp16_format=fp16_format,
    )
    program.offsets = plan.corner
    program.contents = _contents(plan, program)
    colors = {name: plan.net(name).number for name in sorted(_names(plan))}
    write_artifact(directory, program, colors={n: str(c) for n, c in colors.items()})
    write_streams(directory, _inside(plan, IntVector(0, 0)), _ends(plan))
    _write(directory / COLORS, colors)
    _write(directory / f"{directory.name}{PORT_MAP}", {"buses": _buses(plan)})


def _inside(plan: Plan, cell: IntVector) -> IntVector:
    """The program's coordinates of a PE given in the layout's."""
    return cell.plus((-plan.corner.x, -plan.corner.y))


def _names(plan: Plan) -> list[str]:
    return [color.get_global_name() for net in plan.nets for color in net.colors]


def _tiles(plan: Plan) -> dict[tuple[int, int], TileCode]:
    tiles: dict[tuple[int, int], TileCode] = {}
    for cell, (region, place) in plan.owner.items():
        params = tuple(
            (name, value if isinstance(value, int) else _color(plan, value.get_global_name()))
            for name, value in region.params.get(place, {}).items()
        )
        tiles[_inside(plan, cell)] = TileCode(
            f"region {region.name!r} of the layout", Path(region.source), params
        )
    for end in plan.ends:
        inner, host = TileColor(end.net.number), TileColor(plan.host.number)
        tiles[_inside(plan, end.at)] = TileCode(
            f"stream {end.stream.name!r} of the layout",
            HOST_END,
            (
                ("source", inner),
                ("sink", inner if end.stream.incoming else host),
                ("size", end.stream.buffer),
            ),
        )
    return tiles


def _color(plan: Plan, name: str) -> TileColor:
    return TileColor(plan.net(name).number)


def _routes(plan: Plan) -> dict[tuple[int, int, int], Configuration]:
    routes: dict[tuple[int, int, int], Configuration] = {}
    for (cell, net), positions in plan.routes.items():
        at = _inside(plan, cell)
        masks = tuple(SwitchPosition(_mask(p.inputs), _mask(p.outputs)) for p in positions)
        routes[at.x, at.y, net.number] = Configuration(masks)
    return routes


def _mask(routes: tuple[Route, ...]) -> int:
    return sum(1 << Direction[route.name] for route in routes)


def _ends(plan: Plan) -> list[StreamEnd]:
    ends = []
    for end in plan.ends:
        number = end.net.number if end.stream.incoming else plan.host.number
        at = _inside(plan, end.at)
        ends.append(StreamEnd(end.stream.name, end.stream.incoming, at.x, at.y, number))
    order = [stream.name for stream in plan.layout.streams]
    return sorted(ends, key=lambda end: order.index(end.name))


def _buses(plan: Plan) -> list[dict[str, object]]:
    return [
        {
            "port_name": end.stream.name,
            "direction": "input" if end.stream.incoming else "output",
            "location": list(end.at),
            "color": end.net.number,
        }
        for end in plan.ends
    ]


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


# Initial contents


def _contents(plan: Plan, program: Program) -> list[Contents]:
    """What `set_symbol_all` said, by variable and image."""
    found: list[Contents] = []
    for region in plan.layout.regions:
        places = [_inside(plan, plan.absolute(region, place)) for place in region.every()]
        pes = np.array([at.y * program.width + at.x for at in places], np.int32)
        for name, blocks in region.symbols.items():
            data = np.ascontiguousarray(blocks.reshape(len(pes), -1)).view(np.uint8)
            for number in np.unique(program.image_of[pes]):
                image, chosen = program.images[number], program.image_of[pes] == number
                address, size = find_variable(image, name)
                if data.shape[1] != size:
                    raise LayoutError(
                        f"set_symbol_all: {name!r} of {image.name} has {size} bytes; "
                        f"{data.shape[1]} were given for each PE"
                    )
                found.append(Contents(address, pes[chosen], data[chosen]))
    return found
