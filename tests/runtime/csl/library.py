"""Runs small CSL programs that use library modules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pyflame.runtime.csl.compile import compile_program
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.machine import Machine

LAYOUT = """
param width: u16;
param height: u16;
const memcpy = @import_module("<memcpy/get_params>", .{ .width = width, .height = height });
layout {
  @set_rectangle(width, height);
  for (@range(u16, width)) |x| {
    for (@range(u16, height)) |y| {
      @set_tile_code(x, y, "pe.csl", .{ .memcpy_params = memcpy.get_params(x) });
    }
  }
  @export_name("out", [*]u32, true);
  @export_name("main", fn()void);
}
"""

HEAD = """
param memcpy_params;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
var out = @zeros([64]u32);
var out_pointer: [*]u32 = &out;
comptime { @export_symbol(out_pointer, "out"); @export_symbol(main); }
"""


def compiled(
    folder: Path, files: Mapping[str, str], arch: str = "wse2", **params: int | bool
) -> Program:
    """The program of `files`, written below `folder`."""
    for name, text in files.items():
        (folder / name).write_text(text)
    return compile_program(folder / "layout.csl", arch=arch, params=params)


def ran(folder: Path, body: str, arch: str = "wse2", count: int = 64) -> np.ndarray:
    """What one PE's `fn main` in `body` leaves in `out`, uint32 [count]."""
    files = {"layout.csl": LAYOUT, "pe.csl": HEAD + body}
    machine = Machine(compiled(folder, files, arch, width=1, height=1))
    machine.launch("main")
    return machine.read_symbol_array("out", 0, 0, 1, 1, count)[0, 0]
