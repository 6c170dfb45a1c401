"""Building one PE program: its declarations, the function being written, and what is known so far.

Values that the compiler of CSL can compute (constants, roles, arithmetic on them) become
declarations of the file, each once; everything else is computed where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from xdsl.dialects import arith, csl, scf
from xdsl.dialects.builtin import (
    FloatAttr,
    IndexType,
    IntegerAttr,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.ir import Block, Operation, Region, SSAValue, TypeAttribute

from pyflame.dialects.csl.declarations import CastOp, GetIdOp, ParamOp
from pyflame.dialects.csl.types import IdKind
from pyflame.dialects.dataflow.program import ProgramOp, TaskOp
from pyflame.dialects.dataflow.roles import CoordOp
from pyflame.dialects.mesh.attributes import Axis
from pyflame.errors import ResourceError
from pyflame.lowering.dataflow_to_csl.buffers import place_buffers
from pyflame.lowering.dataflow_to_csl.roles import Parameter, Parameters, no_value
from pyflame.lowering.dataflow_to_csl.views import UI16, View
from pyflame.lowering.emit.literals import csl_type
from pyflame.lowering.emit.names import Names

if TYPE_CHECKING:
    from pyflame.lowering.dataflow_to_csl.channels import Port

MAIN, TIMES, STAMP = "main", "times", "stamp"
"""The exported function, the exported array of time stamps, and the function that writes one."""

OpT = TypeVar("OpT", bound=Operation)


class PeContext:
    """One PE program under construction.

    `globals` is the body of the program's `csl.module`; `block` where ops are added now. `values`
    maps values of the dataflow program to theirs here, `views` its views.
    """

    def __init__(self, program: ProgramOp, phase_times: bool = False) -> None:
        self.program = program
        self.phase_times = phase_times
        self.symbols = Names()
        for name in (MAIN, TIMES, STAMP, "tsc", "memcpy_params"):
            self.symbols.reserve(name)
        self.parameters = Parameters()
        self.stamps: list[str] = []
        self.functions: dict[str, str] = {}
        self.functions_made: list[csl.FuncOp] = []
        self.tasks: dict[TaskOp, tuple[str, SSAValue]] = {}
        self.remembered: dict[CoordOp, csl.VariableOp] = {}
        self.ports: dict[tuple[IdKind, int], Port] = {}
        self.globals = Block()
        self.block = self.globals
        self.values: dict[SSAValue, SSAValue] = {}
        self.views: dict[SSAValue, View] = {}
        self._declared: dict[Hashable, SSAValue] = {}
        self.arrays, self.buffers = place_buffers(program.buffers, self.symbols)
        self.globals.add_ops(self.arrays)

    # Adding ops

    def add(self, op: OpT, hint: str | None = None) -> OpT:
        """Add `op` where ops are added now; `hint` names its result."""
        self.block.add_op(op)
        if hint and op.results:
            op.results[0].name_hint = hint
        return op

    def declare(
        self, key: Hashable, make: Callable[[], Operation], hint: str | None = None
    ) -> SSAValue:
        """The result of the declaration that `key` stands for, made at its first use."""
        found = self._declared.get(key)
        if found is None:
            op = make()
            self.globals.add_op(op)
            found = op.results[0]
            found.name_hint = hint or found.name_hint
            self._declared[key] = found
        return found

    @contextmanager
    def inside(self, block: Block) -> Iterator[None]:
        """Add ops to `block`."""
        outer, self.block = self.block, block
        yield
        self.block = outer

    # Numbers

    def index(self, value: int) -> SSAValue:
        """A constant of type `index`."""
        return self.constant(IntegerAttr(value, IndexType()))

    def constant(self, value: IntegerAttr | FloatAttr) -> SSAValue:
        """A constant."""
        return self.declare(("constant", value), lambda: arith.ConstantOp(value))

    def cast(self, value: SSAValue, type: TypeAttribute) -> SSAValue:
        """`value` as `type`, computed where its operand is known."""
        if not self.is_comptime(value):
            return self.add(CastOp(value, type), value.name_hint).result
        hint = f"{value.name_hint}_{csl_type(type)}" if value.name_hint else None
        return self.declare(("as", value, type), lambda: CastOp(value, type), hint)

    def is_comptime(self, value: SSAValue) -> bool:
        """Whether the compiler of CSL knows `value`: it is a declaration of the file."""
        owner = value.owner
        return isinstance(owner, ParamOp) or (
            isinstance(owner, Operation) and owner.parent is self.globals
        )

    def fold(self, op: Operation, operands: Sequence[SSAValue]) -> tuple[SSAValue, ...]:
        """A copy of a pure `op` on `operands`: a declaration if all of them are."""

        def copy() -> Operation:
            return op.clone(dict(zip(op.operands, operands, strict=True)))

        if len(op.results) == 1 and all(map(self.is_comptime, operands)):
            attributes = tuple(
                sorted(((k, v) for k, v in op.properties.items()), key=lambda p: p[0])
            )
            key = (op.name, attributes, tuple(operands), op.results[0].type)
            return (self.declare(key, copy, op.results[0].name_hint),)
        return tuple(self.add(copy()).results)

    # The machine

    def module(self, path: str, params: SSAValue | None = None) -> csl.ImportModuleConstOp:
        """An imported module of the SDK."""
        key = ("import", path)
        self.declare(key, lambda: csl.ImportModuleConstOp(path, params), _module_name(path))
        owner = self._declared[key].owner
        assert isinstance(owner, csl.ImportModuleConstOp)
        return owner

    def coordinate(self, axis: Axis) -> SSAValue:
        """The PE's position on `axis`, asked for at run time."""
        member = "get_x_coord" if axis is Axis.COLS else "get_y_coord"
        call = csl.MemberCallOp(member, UI16, self.module("<layout>"), [])
        result = self.add(call, "x" if axis is Axis.COLS else "y").result
        assert result is not None
        return self.cast(result, IndexType())

    def remember_coordinate(self, op: CoordOp) -> None:
        """Keep a position in a variable of the file, for functions that run after this one."""
        axis = op.axis.data
        name = "coord_x" if axis is Axis.COLS else "coord_y"
        key = ("coordinate", axis)
        variable = self.declare(key, lambda: csl.VariableOp.from_type(IndexType()), name)
        assert isinstance(variable.owner, csl.VariableOp)
        self.add(csl.StoreVarOp(variable.owner, self.coordinate(axis)))
        self.remembered[op] = variable.owner

    def recall_coordinates(self, user: Operation) -> None:
        """Read the remembered positions that ops inside `user` use."""
        for op, variable in self.remembered.items():
            if any(user.is_ancestor(use.operation) for use in op.result.uses):
                hint = "x" if op.axis.data is Axis.COLS else "y"
                self.values[op.result] = self.add(csl.LoadVarOp(variable), hint).res

    def task_id(self, task: TaskOp) -> SSAValue:
        """The local task id of a task.

        Raises:
            ResourceError: it has none yet.
        """
        if task not in self.tasks:
            if task.id is None:
                raise ResourceError(
                    f"task @{task.sym_name.data} has no id yet; run dataflow-allocate-tasks first"
                )
            number = task.id.value.data
            name = self.symbols.fresh(task.sym_name.data)
            id = self.declare(
                ("task", number), lambda: GetIdOp(IdKind.LOCAL_TASK, number), f"{name}_id"
            )
            self.tasks[task] = name, id
        return self.tasks[task][1]

    def stamp(self, label: str) -> None:
        """Write the time into the next place of the exported array of times."""
        slot = self.index(len(self.stamps))
        self.stamps.append(label)
        self.add(csl.CallOp(SymbolRefAttr(STAMP), [slot]))

    def finish(self) -> None:
        """The end of a launch on this PE."""
        self.stamp("end")
        params = self.parameters.get(Parameter("memcpy_params", csl.ComptimeStructType(), no_value))
        memcpy = self.module("<memcpy/memcpy>", params)
        self.add(csl.MemberCallOp("unblock_cmd_stream", None, memcpy, []))

    # Control

    @contextmanager
    def loop(self, stop: SSAValue, hint: str) -> Iterator[SSAValue]:
        """A loop from 0 to `stop`; gives the induction variable."""
        body = Block(arg_types=[IndexType()])
        body.args[0].name_hint = hint
        with self.inside(body):
            yield body.args[0]
            self.add(scf.YieldOp())
        self.add(scf.ForOp(self.index(0), stop, self.index(1), [], Region(body)))


def _module_name(path: str) -> str:
    """What an imported SDK module is called: the last part of its path."""
    return path.strip("<>").rpartition("/")[2]


def comment(op: Operation, text: str) -> None:
    """Have `text` printed before `op`."""
    op.attributes["comment"] = StringAttr(text)
