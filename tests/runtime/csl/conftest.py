"""Small CSL programs on one PE: compiled, and run to the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pyflame.errors import ParseError
from pyflame.runtime.csl import compile_program
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.machine import Machine

LAYOUT = """
param p: i16 = 7;
layout {
  @set_rectangle(1, 1);
  @set_tile_code(0, 0, "pe.csl", .{%s});
}
"""

RUN = """
const main_id = @get_local_task_id(9);
comptime { @bind_local_task(main, main_id); @activate(main_id); }
"""

DTYPES = {"f16": np.float16, "f32": np.float32}


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Program]:
    """``compiled(pe_text, params=".a = 1", layout=…, files={name: text}, arch="wse2", …)``."""

    def compile_(
        pe: str = "",
        *,
        params: str = "",
        layout: str | None = None,
        files: dict[str, str] | None = None,
        arch: str = "wse2",
        **options: object,
    ) -> Program:
        texts = {"layout.csl": layout or LAYOUT % params, "pe.csl": pe, **(files or {})}
        for name, text in texts.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return compile_program(tmp_path / "layout.csl", arch=arch, **options)  # type: ignore[arg-type]

    return compile_


@pytest.fixture
def errors(compiled: Callable[..., Program]) -> Callable[..., str]:
    """``errors(pe_text, …)``: the message of a program that must not compile."""

    def messages(pe: str = "", **options: object) -> str:
        with pytest.raises(ParseError) as caught:
            compiled(pe, **options)
        return str(caught.value)

    return messages


@pytest.fixture
def result(compiled: Callable[..., Program]) -> Callable[..., list[float]]:
    """``result(pe_text, name="out")``: an exported array after task `main` has run."""

    def run(pe: str, name: str = "out", **options: object) -> list[float]:
        program = compiled(pe + RUN, **options)
        machine = Machine(program, max_cycles=1_000_000)
        machine.run_until_idle()
        symbol = machine.symbol(name)
        kind = symbol.element.name.lower()
        dtype = (
            DTYPES.get(kind) or np.dtype(f"{'int' if kind[0] == 'i' else 'uint'}{kind[1:]}").type
        )
        count = symbol.size // np.dtype(dtype).itemsize
        return machine.read_symbol_array(name, 0, 0, 1, 1, count, dtype)[0, 0].tolist()

    return run
