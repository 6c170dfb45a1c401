"""Small CSL programs of a layout and one PE file: their texts, compiled and run in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyflame.runtime.csl import compile_program
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.machine import Machine

LAYOUT = """
const memcpy = @import_module("<memcpy/get_params>", .{{ .width = {width}, .height = {height}{streams} }});
const red = @get_color(1);
const blue = @get_color(2);
const green = @get_color(4);
layout {{
  @set_rectangle({width}, {height});
  for (@range(u16, {width})) |x| {{
    for (@range(u16, {height})) |y| {{
      @set_tile_code(x, y, "pe.csl", .{{ .memcpy_params = memcpy.get_params(x), .x = x, .y = y }});
    }}
  }}
{routes}
  @export_name("out", [*]u32, true);
  @export_name("main", fn({arguments})void);
}}
"""  # noqa: E501
"""Every PE runs pe.csl with its coordinates; {routes} are further lines of the layout block."""

HEAD = """
param memcpy_params; param x: u16; param y: u16;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const wse3 = @is_arch("wse3");
const red = @get_color(1); const blue = @get_color(2); const green = @get_color(4);
const in2 = @get_input_queue(2); const in3 = @get_input_queue(3);
const out2 = @get_output_queue(2); const out3 = @get_output_queue(3);
fn sends(q: output_queue, c: color) void {
  if (wse3) { @initialize_queue(q, .{ .color = c }); } else { @initialize_queue(q, .{}); }
}
fn receives(q: input_queue, c: color) void { @initialize_queue(q, .{ .color = c }); }
fn data_id(q: input_queue, c: color) data_task_id {
  if (wse3) { return @get_data_task_id(q); } else { return @get_data_task_id(c); }
}
var out = @zeros([16]u32); var out_pointer: [*]u32 = &out;
comptime { @export_symbol(out_pointer, "out"); @export_symbol(main); }
""".replace("\n", " ")
"""The first line of every pe.csl: memcpy, names for colours and queues, `out`, `main`."""

SETTINGS: tuple[Mapping[str, Any], ...] = (
    {}, {"timing": "unit"}, {"shuffle_seed": 1}, {"shuffle_seed": 2, "timing": "unit"},
)  # fmt: skip
"""Settings of a machine that must not change any result."""


def route(x: int, y: int, color: str, rx: str, tx: str, rest: str = "") -> str:
    """A line of the layout: ``route(0, 0, "red", "RAMP", "EAST, RAMP", ".switches = …")``."""
    routes = f".routes = .{{ .rx = .{{{rx}}}, .tx = .{{{tx}}} }}"
    more = f", {rest}" if rest else ""
    return f"  @set_color_config({x}, {y}, {color}, .{{ {routes}{more} }});\n"


def east(width: int, color: str = "red") -> str:
    """Routes that carry `color` from column 0 of row 0 to the core of the last column."""
    last = width - 1
    middle = "".join(route(x, 0, color, "WEST", "EAST") for x in range(1, last))
    first = route(0, 0, color, "RAMP", "EAST")
    return first + middle + route(last, 0, color, "WEST", "RAMP")


@dataclass(frozen=True)
class Source:
    """A program's text: `pe` follows `HEAD`, `routes` stands in the layout block."""

    pe: str
    width: int = 1
    height: int = 1
    routes: str = ""
    streams: str = ""
    arguments: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    layout: str = LAYOUT

    def texts(self) -> dict[str, str]:
        """File contents by name."""
        layout = self.layout.format(
            width=self.width, height=self.height, routes=self.routes, streams=self.streams,
            arguments=self.arguments,
        )  # fmt: skip
        return {"layout.csl": layout, "pe.csl": HEAD + "\n" + self.pe, **self.files}

    def line(self, mark: str = "here") -> str:
        """``pe.csl:N``, the line of `pe` that ends in the comment ``// mark``."""
        lines = self.texts()["pe.csl"].splitlines()
        found = [i for i, text in enumerate(lines, 1) if text.endswith(f"// {mark}")]
        assert len(found) == 1, f"{len(found)} lines end in // {mark}"
        return f"pe.csl:{found[0]}"

    def compiled(self, folder: Path, arch: str, **options: Any) -> Program:
        """The program, from files below `folder`."""
        for name, text in self.texts().items():
            (folder / name).write_text(text, encoding="utf-8")
        return compile_program(folder / "layout.csl", arch=arch, **options)


Drive = Callable[[Machine], Any]
"""What a host does with a machine, and what it learns from that."""


def launched(count: int = 16, arguments: Sequence[int] = ()) -> Drive:
    """Launch `main`, then read `count` words of `out` of every PE, uint32 [h, w, count]."""

    def drive(machine: Machine) -> np.ndarray:
        machine.launch("main", arguments)
        machine.run_until_idle()
        width, height = machine.program.width, machine.program.height
        return machine.read_symbol_array("out", 0, 0, width, height, count)

    return drive


def agreed(program: Program, drive: Drive) -> Any:
    """What `drive` returns, after it has returned the same under all `SETTINGS`."""
    results = [drive(Machine(program, max_cycles=1_000_000, **options)) for options in SETTINGS]
    for options, result in zip(SETTINGS[1:], results[1:], strict=True):
        np.testing.assert_array_equal(result, results[0], err_msg=f"with {dict(options)}")
    return results[0]
