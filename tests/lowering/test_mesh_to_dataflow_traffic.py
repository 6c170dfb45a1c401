"""The protocols on the buses, checked exhaustively on small rectangles, and broken on purpose."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.dialects.dataflow.program import programs
from pyflame.lowering.mesh_to_dataflow.buses import Buses
from pyflame.lowering.mesh_to_dataflow.convert import ConvertMeshToDataflowPass
from pyflame.passes.dataflow_check_traffic import check_traffic

Step = tuple[str, int]
"""What moves along cols: ``("panels", size of dimension)``, ``("gather", size)`` or
``("reduce", 0)`` or ``("mixed", size)``: a loop over panels with two tilings and a reduction."""


def line(steps: list[Step], cols: int, panel: int = 2) -> str:
    """A function on 1 × `cols` PEs that does `steps` one after the other."""
    rectangle = f"1x{cols}"
    arguments, lines = [], []
    partial = f"tensor<2xf32, #mesh.layout<{rectangle}, [-], partial sum [cols]>>"
    reduced = f"tensor<2xf32, #mesh.layout<{rectangle}, [-]>>"
    for i, (what, size) in enumerate(steps):
        cut = f"tensor<2x{size}xf32, #mesh.layout<{rectangle}, [-, cols]>>"
        whole = f"tensor<2x{size}xf32, #mesh.layout<{rectangle}, [-, -]>>"
        arguments.append(f"%x{i}: {cut}")
        reduce = (
            f"%s{i} = mesh.local_reduce sum %x{i} dims [1] : {cut} -> {partial}\n"
            f"%r{i} = mesh.all_reduce sum %s{i} along cols : {partial} -> {reduced}\n"
        )
        if what == "gather":
            lines.append(f"%g{i} = mesh.all_gather %x{i} dim 1 along cols : {cut} -> {whole}\n")
        elif what == "reduce":
            lines.append(reduce)
        else:
            lines.append(panels(i, size, cols, panel, rectangle, reduce if what == "mixed" else ""))
    return f"func.func @main({', '.join(arguments)}) {{\n{''.join(lines)}func.return\n}}"


def panels(i: int, size: int, cols: int, panel: int, rectangle: str, more: str) -> str:
    """A loop that broadcasts panels of %x, and does `more`."""
    cut = f"tensor<2x{size}xf32, #mesh.layout<{rectangle}, [-, cols]>>"
    tile = -(-size // cols)
    panel = min(panel, tile)
    part = f"tensor<2x{panel}xf32, #mesh.layout<{rectangle}, [-, -]>>"
    right = f"tensor<{panel}x2xf32, #mesh.layout<{rectangle}, [-, -]>>"
    acc = f"tensor<2x2xf32, #mesh.layout<{rectangle}, [-, -]>>"
    zero = "{\n%z = arith.constant 0.0 : f32\nmesh.yield %z : f32\n}"
    return f"""
      %zero{i} = mesh.compute ins() maps [] {zero} : {acc}
      %w{i} = mesh.compute ins() maps [] {zero} : {right}
      %c{i} = mesh.for_panels (%k{i}, %l{i}) over {size} tiles [{tile}] panel {panel}
          iter_args(%acc{i} = %zero{i}) -> ({acc}) {{
        %p{i} = mesh.broadcast %x{i} at (%k{i}, %l{i}) dim 1 along cols : {cut} -> {part}
        {more}
        %n{i} = mesh.matmul %acc{i}, %p{i}, %w{i} over %l{i} : {acc}, {part}, {right} -> {acc}
        mesh.yield %n{i} : {acc}
      }}
    """


def problems(text: str) -> list[str]:
    module = Parser(new_context(), text).parse_module()
    module.verify()
    ConvertMeshToDataflowPass().apply(new_context(), module)
    module.verify()
    (program,) = programs(module)
    return check_traffic(program)


STEPS = st.tuples(st.sampled_from(("panels", "gather", "reduce", "mixed")), st.integers(1, 9))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=1, max_size=4), st.integers(1, 6), st.integers(1, 3))
def test_no_sequence_of_movements_races_or_stands_still(
    steps: list[Step], cols: int, panel: int
) -> None:
    assert problems(line(steps, cols, panel)) == []


SHORT = [("panels", 5), ("panels", 5)]
"""On 4 PEs the last owner is PE 2, so that the next sequence needs a closing word."""


def test_without_closing_words_the_next_sequence_races(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(line(SHORT, 4)) == []
    monkeypatch.setattr(Buses, "_close", lambda *_: None)
    assert problems(line(SHORT, 4))[0] == (
        "race on cols_east at PE (0, 2): words of PE (0, 2) and of PE (0, 0) may arrive at once, "
        "from ramp and west"
    )


def test_a_last_pe_that_sends_ahead_to_itself_races(monkeypatch: pytest.MonkeyPatch) -> None:
    full = [("panels", 8), ("panels", 8)]
    assert problems(line(full, 4)) == []
    one_way = Buses._one_way

    def never_silent(self: Buses, *args: object) -> None:
        axis, owner, direction, side, silent, send, receive = args
        silent = 99 if side == "sge" else silent
        one_way(self, axis, owner, direction, side, silent, send, receive)  # type: ignore[arg-type]

    monkeypatch.setattr(Buses, "_one_way", never_silent)
    assert any("at PE (0, 3)" in problem for problem in problems(line(full, 4)))


def test_a_reduction_makes_closing_words_needless() -> None:
    assert problems(line([("panels", 5), ("reduce", 4), ("panels", 5)], 4)) == []
