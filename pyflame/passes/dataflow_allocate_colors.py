"""Give every channel its colours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, i64
from xdsl.passes import ModulePass

from pyflame.dialects.dataflow.program import ChannelOp, ProgramOp, programs
from pyflame.errors import ResourceError


def allocate_colors(program: ProgramOp) -> None:
    """Give each colour slot of each channel the lowest free user colour.

    Channels keep colours that they have already. A colour belongs to one channel for the whole
    program, because lines of rows and lines of columns meet in every router.

    Raises:
        ResourceError: the program needs more colours than the architecture leaves to programs.
    """
    available = program.arch.user_colors
    taken = {c for channel in program.channels for c in channel.color_values or ()}
    free = [c for c in available if c not in taken]
    needed = sum(channel.num_slots for channel in program.channels)
    if needed > len(available):
        raise ResourceError(_message(program, needed, available))
    for channel in program.channels:
        if channel.color_values is None:
            mine, free = free[: channel.num_slots], free[channel.num_slots :]
            channel.colors = DenseArrayBase.from_list(i64, mine)


def _message(program: ProgramOp, needed: int, available: Iterable[int]) -> str:
    def line(channel: ChannelOp) -> str:
        return f"  {channel.sym_name.data}: {channel.num_slots}"

    return "\n".join(
        [
            f"program {program.sym_name.data} needs {needed} colours, "
            f"{program.target.data} leaves {len(list(available))} to programs:",
            *(line(channel) for channel in program.channels),
            "Use fewer kinds of movement, or split the program.",
        ]
    )


@dataclass(frozen=True)
class AllocateColorsPass(ModulePass):
    """Give every channel its colours."""

    name = "dataflow-allocate-colors"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Allocate in every program of `op`."""
        for program in programs(op):
            allocate_colors(program)
