"""How a program names the files that it was compiled from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from pyflame.runtime.fabric.image import Program


def test_files_are_named_relative_to_the_layout(compiled: Callable[..., Program]) -> None:
    shared = "fn store(p: *i16) void { p.* = 7; }\n"
    program = compiled(
        'const s = @import_module("../shared.csl");\nvar x: i16 = 0;\n'
        "fn go() void { s.store(&x); }\n"
        "comptime { @export_symbol(go); }\n",
        layout='layout { @set_rectangle(1, 1); @set_tile_code(0, 0, "pe.csl", .{}); '
        '@export_name("go", fn()void); }\n',
        files={"../shared.csl": shared},
    )
    assert sorted(program.files) == ["../shared.csl", "pe.csl"]
    digest = hashlib.sha256(shared.encode()).hexdigest()
    assert program.digests[program.files.index("../shared.csl")] == digest
