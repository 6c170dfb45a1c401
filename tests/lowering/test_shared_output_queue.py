"""On WSE-2 channels share an output queue in turn, each with its own colour."""

from __future__ import annotations

import pytest
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.dialects.csl.dsd import FabDsdOp
from pyflame.errors import UnsupportedError
from pyflame.lowering.dataflow_to_csl.convert import ConvertDataflowToCslPass

T = "!dataflow.view<8xf32, [1]>"
LINK = """along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>,
  #dataflow.route<0, 1 to 2 step 1, [west] -> [ramp]>]"""


def outgoing(target: str) -> list[FabDsdOp]:
    """The fabric DSDs of two sends of equal length on queue 2, colours 4 and 5."""
    text = f"""dataflow.program @main on "{target}" rows 1 cols 2 {{
      %x = dataflow.buffer @x temporary {{address = 0 : i64}} : memref<8xf32>
      dataflow.channel @a {LINK} {{colors = array<i64: 4>, output_queue = 2 : i64}}
      dataflow.channel @b {LINK} {{colors = array<i64: 5>, output_queue = 2 : i64}}
      dataflow.phase "p" {{
        %v = dataflow.view %x : memref<8xf32> -> {T}
        dataflow.send %v on @a : {T}
        dataflow.send %v on @b : {T}
      }}
      dataflow.finish }}"""
    module = Parser(new_context(), text).parse_module()
    ConvertDataflowToCslPass().apply(new_context(), module)
    return [op for op in module.walk() if isinstance(op, FabDsdOp)]


def test_each_channel_keeps_its_colour() -> None:
    first, second = outgoing("wse2")
    assert first.queue is second.queue
    assert first.color is not second.color


def test_a_queue_of_wse3_has_one_colour() -> None:
    with pytest.raises(UnsupportedError, match="output_queue 2 for channels @a and @b"):
        outgoing("wse3")
