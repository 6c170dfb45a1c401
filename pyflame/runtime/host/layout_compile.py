"""From an SdkLayout to a compiled directory: the plan written as CSL text and compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pyflame.arch import target
from pyflame.errors import DTypeError, LayoutError, SimulationError, UnsupportedError
from pyflame.runtime.fabric.image import Image, Program
from pyflame.runtime.host.artifact import write_artifact
from pyflame.runtime.host.layout_api import Color, IntVector, Route, SdkLayout, SwitchPosition
from pyflame.runtime.host.layout_routes import Net, Plan
from pyflame.runtime.host.memory import find_variable
from pyflame.runtime.host.streams import StreamEnd, write_streams

LAYOUT = "layout.csl"

# PE programs of a layout's own: PEs without code, and the host's ends of streams.
_IDLE = """task rest() void {
}

comptime {
  @bind_local_task(rest, @get_local_task_id(9));
}
"""
_ADAPTOR = """param memcpy_params;
param inner: color;
param incoming: bool;

const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const iq: input_queue = @get_input_queue(2);
const oq: output_queue = @get_output_queue(2);
const source: color = if (incoming) sys.MEMCPYH2D_1 else inner;
const sink: color = if (incoming) inner else sys.MEMCPYD2H_1;
const endless: u16 = 0x7fff;
const from = @get_dsd(fabin_dsd, .{ .extent = endless, .fabric_color = source, .input_queue = iq });
const to = @get_dsd(fabout_dsd, .{ .extent = endless, .fabric_color = sink, .output_queue = oq });
const start: local_task_id = @get_local_task_id(9);

task pass() void {
  @mov32(to, from, .{ .async = true });
}

comptime {
  @bind_local_task(pass, start);
  @activate(start);
  @initialize_queue(iq, .{ .color = source });
  @initialize_queue(oq, if (@is_arch("wse3")) .{ .color = sink } else .{});
}
"""


def compile_layout(layout: SdkLayout, directory: Path) -> None:
    """Compile `layout` into `directory`; CSL files are looked for in the current directory.

    Raises:
        LayoutError: regions overlap, or a connection finds no way.
        ResourceError: the colours do not suffice.
        ParseError: a CSL file has errors.
    """
    from pyflame.runtime.csl import compile_program

    arch = target(layout.platform.target.value)
    plan = Plan(layout, arch)
    stream_nets = {side: Net() for side in (True, False)}
    for adaptor in plan.adaptors:
        stream_nets[adaptor.port.incoming].pes.add(adaptor.at)
    plan.number(stream_nets.values())
    directory.mkdir(parents=True, exist_ok=True)
    text = layout_text(plan, {side: net.number for side, net in stream_nets.items()})
    for name, content in ((LAYOUT, text), ("idle.csl", _IDLE), ("adaptor.csl", _ADAPTOR)):
        (directory / name).write_text(content)
    program = compile_program(
        directory / LAYOUT,
        arch=arch.name,
        fabric_dims=(plan.width, plan.height),
        import_paths=[Path.cwd()],
    )
    _set_symbols(plan, program)
    write_artifact(directory, program, colors=_color_names(plan))
    write_streams(directory, plan.origin, _ends(plan, stream_nets))


def layout_text(plan: Plan, stream_colors: Mapping[bool, int]) -> str:
    """The layout.csl of `plan`; `stream_colors` are those of host streams in (True) and out."""
    lines = ["// Written by SdkLayout.compile."]
    if plan.adaptors:
        lines += [
            'const memcpy = @import_module("<memcpy/get_params>", .{',
            f"  .width = {plan.width}, .height = {plan.height},",
            f"  .MEMCPYH2D_1 = @get_color({stream_colors[True]}),",
            f"  .MEMCPYD2H_1 = @get_color({stream_colors[False]}),",
            "});",
        ]
    lines += ["", "layout {", f"  @set_rectangle({plan.width}, {plan.height});"]
    lines += [f"  {line}" for line in (*_tiles(plan), *_configs(plan))]
    return "\n".join([*lines, "}", ""])


def _tiles(plan: Plan) -> list[str]:
    adaptors = {adaptor.at: adaptor for adaptor in plan.adaptors}
    lines = []
    for y in range(plan.height):
        for x in range(plan.width):
            at = IntVector(x, y)
            file, fields = "idle.csl", {}
            if at in plan.owner:
                region, place = plan.owner[at]
                file = Path(region.file).as_posix()
                params = region.params.get(place, {})
                fields = {name: _value(plan, name, value) for name, value in params.items()}
            elif at in adaptors:
                port = adaptors[at].port
                file = "adaptor.csl"
                fields = {
                    "memcpy_params": f"memcpy.get_params({x})",
                    "inner": f"@get_color({plan.net(port.color).number})",
                    "incoming": "true" if port.incoming else "false",
                }
            body = ", ".join(f".{name} = {value}" for name, value in fields.items())
            lines.append(f'@set_tile_code({x}, {y}, "{file}", .{{ {body} }});')
    return lines


def _value(plan: Plan, name: str, value: Any) -> str:
    """A parameter as CSL text."""
    if isinstance(value, Color):
        return f"@get_color({plan.net(value).number})"
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    raise DTypeError(f"the parameter {name!r} is {value!r}; expected a number, bool or Color")


def _configs(plan: Plan) -> list[str]:
    order = sorted(plan.routes, key=lambda key: (key[0].y, key[0].x, key[1].number))
    return [
        f"@set_color_config({at.x}, {at.y}, @get_color({net.number}), "
        f"{_config(plan, at, net, plan.routes[at, net])});"
        for at, net in order
    ]


def _config(plan: Plan, at: IntVector, net: Net, positions: tuple[SwitchPosition, ...]) -> str:
    first, *others = positions
    text = f".routes = .{{ .rx = {_ports(first.inputs)}, .tx = {_ports(first.outputs)} }}"
    if len(positions) > plan.arch.switch_positions:
        raise LayoutError(f"PE {tuple(at)}: {len(positions)} switch positions of one colour")
    switches = []
    for i, position in enumerate(others, start=1):
        changed = [
            (field, now)
            for field, was, now in (
                ("rx", first.inputs, position.inputs),
                ("tx", first.outputs, position.outputs),
            )
            if set(was) != set(now)
        ]
        both = len(changed) > 1 and not plan.arch.switch_overrides_both
        if both or any(len(now) != 1 for _, now in changed):
            raise UnsupportedError(
                f"PE {tuple(at)}: switch position {i} of colour {net.colors[0].name!r} on "
                f"{plan.arch.name}: a position changes the inputs or the outputs to one port"
            )
        fields = ", ".join(f".{name} = {now[0].name}" for name, now in changed)
        switches.append(f".pos{i} = .{{ {fields} }}")
    if switches:
        text += f", .switches = .{{ {', '.join(switches)} }}"
    return f".{{ {text} }}"


def _ports(routes: tuple[Route, ...]) -> str:
    return f".{{ {', '.join(route.name for route in routes)} }}"


def _set_symbols(plan: Plan, program: Program) -> None:
    """Give PEs whose variables were set images of their own."""
    for region in plan.layout.regions:
        for name, blocks in region.symbols.items():
            for place in region.every():
                at = plan.absolute(region, place)
                pe = at.y * plan.width + at.x
                image = program.images[int(program.image_of[pe])]
                program.image_of[pe] = len(program.images)
                program.images.append(_with_content(image, name, blocks[place.y, place.x]))


def _with_content(image: Image, name: str, values: np.ndarray) -> Image:
    address, size = find_variable(image, name)
    content = np.ascontiguousarray(values).view(np.uint8)
    if content.size != size:
        raise SimulationError(
            f"set_symbol_all: {name!r} of {image.name} has {size} bytes; {content.size} were given"
        )
    memory = np.zeros(max(image.memory.size, address + size), np.uint8)
    memory[: image.memory.size] = image.memory
    memory[address : address + size] = content
    return replace(image, memory=memory)


def _color_names(plan: Plan) -> dict[str, str]:
    return {color.name: str(net.number) for net in plan.nets for color in net.colors}


def _ends(plan: Plan, nets: Mapping[bool, Net]) -> list[StreamEnd]:
    return [
        StreamEnd(a.port.name, a.port.incoming, a.at.x, a.at.y, nets[a.port.incoming].number)
        for a in plan.adaptors
    ]
