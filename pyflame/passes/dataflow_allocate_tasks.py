"""Give every task its local task id."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from pyflame.dialects.dataflow.program import ProgramOp, programs
from pyflame.errors import ResourceError


def allocate_tasks(program: ProgramOp) -> None:
    """Give each task the lowest free id.

    Where data tasks bind to colours (WSE-2), ids and colours share one table, so the colours of
    the program's channels are left out: allocate colours first.

    Raises:
        ResourceError: there are more tasks than ids.
    """
    arch, tasks = program.arch, program.tasks
    colors = {c for channel in program.channels for c in channel.color_values or ()}
    taken = set() if arch.data_tasks_by_queue else colors
    available = [i for i in arch.user_local_tasks if i not in taken]
    if len(tasks) > len(available):
        raise ResourceError(
            f"program {program.sym_name.data} needs {len(tasks)} local tasks, "
            f"{program.target.data} leaves {len(available)} ids beside {len(taken)} colours: "
            f"{', '.join(task.sym_name.data for task in tasks)}.\n"
            "Await fewer asynchronous sends, or split the program."
        )
    for task, number in zip(tasks, available, strict=False):
        task.id = IntegerAttr(number, i64)


@dataclass(frozen=True)
class AllocateTasksPass(ModulePass):
    """Give every task its local task id."""

    name = "dataflow-allocate-tasks"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Allocate in every program of `op`."""
        for program in programs(op):
            allocate_tasks(program)
