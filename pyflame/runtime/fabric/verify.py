"""The verifier of compiled programs: what the machine takes for granted is checked here, once.

The kernel works on raw pointers and checks what programs compute: addresses, ids, queue and FIFO
numbers in descriptors, call depth. What a program *says* it does not check again. It relies on:

* code: known operations; types, math functions and modes in range; registers inside the frame;
  jumps inside their function, which ends in RET, JMP or TRAP; functions, descriptor rows, operand
  and options rows, strings that exist; descriptor words that programs may set (not OPTIONS, which
  is an address); switch positions 0 … 3, the index into a channel's block (`verify_code`);
* calls: arguments inside the caller's frame and, but for calls through a register, which the
  kernel checks, inside the callee's; chains short enough to be walked by `state.register_need`;
* operands: an operation of the table, kinds that suit it, registers of the issuing frame, also
  those that options name (-16 and below);
* tables: tasks, active tasks, teardown handlers, initialiser and symbols name functions; ids are
  bits of a 64-bit mask; queues and colours exist; FIFOs, symbols, contents and the memory map,
  whose ends bound DSDs, lie in memory; a FIFO has an element (`verify_tables`);
* fabric: every PE has an image, every colour a route or -1; masks of five bits, one to four
  switch positions, filters of 32-bit words.

Both a machine and the reader of stored programs call it; a file's arrays are as good as hostile.
"""

from __future__ import annotations

import numpy as np

from pyflame.arch import TARGETS, Arch
from pyflame.errors import InvalidModelError, MemoryLimitError, SimulationError
from pyflame.runtime.fabric.findings import Findings
from pyflame.runtime.fabric.floats import FORMATS
from pyflame.runtime.fabric.image import Filter, Image, Program, Route
from pyflame.runtime.fabric.shapes import distinct_shapes
from pyflame.runtime.fabric.verify_code import verify_code, verify_operands
from pyflame.runtime.fabric.verify_tables import verify_shapes, verify_tables

MAX_PES = 1 << 20


def verify_program(program: Program, arch: Arch) -> None:
    """Check that a machine can run a program.

    Raises:
        MemoryLimitError: an image does not fit the PE's memory.
        SimulationError: something is malformed; lists all such places.
    """
    for image in program.images:
        size = max(image.data_end, len(image.memory))
        if size > arch.memory_bytes:
            rows = sorted(image.memory_map, key=lambda row: -row[2])[:12]
            table = "".join(f"\n  {n:>8} bytes  {name}" for name, _, n in rows)
            raise MemoryLimitError(
                f"{image.name} needs {size} bytes of memory, a PE has {arch.memory_bytes}; "
                f"use more PEs or smaller arrays. Largest:{table}"
            )
    found = findings(program, arch)
    if found.texts:
        raise SimulationError(found.text("the program is malformed:"))


def verify_stored(program: Program, what: str) -> None:
    """Check a program that was read from a file; `what` names it in messages.

    Raises:
        InvalidModelError: something is malformed; lists all such places.
    """
    arch = TARGETS.get(program.arch)
    if arch is None:
        known = ", ".join(sorted(TARGETS))
        raise InvalidModelError(
            f"{what}: unknown architecture {program.arch!r}; expected one of {known}"
        )
    found = findings(program, arch)
    if found.texts:
        raise InvalidModelError(found.text(f"{what} is malformed; compile the program again:"))


def findings(program: Program, arch: Arch) -> Findings:
    """Everything that is wrong with a program's form."""
    found = Findings()
    if program.digests and len(program.digests) != len(program.files):
        found.add(f"{len(program.digests)} digests; expected one for each of the files")
    if _rectangle(program, arch, found):
        _contents(program, arch, found)
        for i, route in enumerate(program.routes):
            _route(f"route {i}", route, found)
    for name, color in program.streaming.items():
        found.inside(f"streaming colour {name!r}", color, arch.colors)
    if program.half not in FORMATS:
        found.add(f"the 16-bit float is {program.half!r}; expected {' or '.join(FORMATS)}")
    first, shapes = distinct_shapes(program.images)
    texts = [_image(program.images[i], program.files, arch).texts for i in first]
    for image, shape in zip(program.images, shapes, strict=True):
        found.texts += [f"{image.name}: {text}" for text in texts[shape]]
    return found


def _image(image: Image, files: list[str], arch: Arch) -> Findings:
    """Everything that is wrong with an image, and with all others of its shape."""
    found = Findings()
    if verify_shapes(image, found):
        verify_tables(image, files, arch, found)
        if verify_operands(image, found):
            verify_code(image, files, arch, found)
    return found


def _rectangle(program: Program, arch: Arch, found: Findings) -> bool:
    """The rectangle and who runs what on it; False where other tables cannot be looked at."""
    pes = program.width * program.height
    if program.width < 1 or program.height < 1 or pes > MAX_PES:
        found.add(
            f"the rectangle is {program.width} × {program.height} PEs; expected 1 to {MAX_PES}"
        )
        return False
    signed = np.signedinteger
    if found.array("image_of", program.image_of, (pes,), signed):
        found.inside("image of a PE", program.image_of, len(program.images))
    if found.array("route_of", program.route_of, (pes, arch.colors), signed):
        found.inside("route of a colour", program.route_of, len(program.routes), least=-1)
    return True


def _contents(program: Program, arch: Arch, found: Findings) -> None:
    """Initial contents name PEs of the rectangle and lie in their memory."""
    for block in program.contents:
        if not found.array("contents.pes", block.pes, (None,), np.signedinteger):
            continue
        if found.array("contents.data", block.data, (len(block.pes), None), np.uint8):
            found.inside("PE of contents", block.pes, program.width * program.height)
            found.inside("address of contents", block.address, arch.memory_bytes + 1)
            end = block.address + block.data.shape[1]
            found.inside("end of contents", end, arch.memory_bytes + 1)


def _route(name: str, route: Route, found: Findings) -> None:
    found.inside(f"number of positions of {name}", len(route.positions), 5, least=1)
    found.inside(f"current position of {name}", route.current, 4)
    for position in route.positions:
        found.inside(f"rx mask of {name}", position.rx, 32)
        found.inside(f"tx mask of {name}", position.tx, 32)
    if route.filter is not None:
        _filter(f"filter of {name}", route.filter, found)


def _filter(name: str, filter: Filter, found: Findings) -> None:
    found.inside(f"kind of the {name}", filter.kind, 3)
    for field in ("limit1", "limit2", "max_counter", "init_counter", "min_idx", "max_idx"):
        found.inside(f"{field} of the {name}", getattr(filter, field), 1 << 32)
