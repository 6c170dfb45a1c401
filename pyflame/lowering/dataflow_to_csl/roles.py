"""Roles: parameters of the PE program, and the layout's expressions for them.

A role depends on the PE's place on one axis. The layout computes it for every PE; the program sees
a constant. Only `dataflow.coord` is asked for at run time, so that PEs which differ in nothing but
their place get equal parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xdsl.dialects import arith
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.ir import Block, Operation, SSAValue, TypeAttribute

from pyflame.dialects.csl.declarations import ParamOp
from pyflame.dialects.dataflow.roles import (
    FirstOp,
    LastOp,
    ParityOp,
    RoleOp,
    ValidOp,
)
from pyflame.dialects.mesh.attributes import Axis


@dataclass
class Place:
    """Where the layout stands: the block it adds ops to, and the PE's position on each axis."""

    block: Block
    position: Mapping[Axis, SSAValue]
    extent: Mapping[Axis, int]
    color: Callable[[int], SSAValue]
    """The layout's value of a colour's number."""

    def add(self, op: Operation) -> SSAValue:
        """Add an op with one result."""
        self.block.add_op(op)
        return op.results[0]

    def index(self, value: int) -> SSAValue:
        """A constant."""
        return self.add(arith.ConstantOp(IntegerAttr(value, IndexType())))

    def equals(self, axis: Axis, value: int) -> SSAValue:
        """Whether the PE stands at position `value`."""
        return self.add(arith.CmpiOp(self.position[axis], self.index(value), "eq"))

    def parity(self, axis: Axis) -> SSAValue:
        """The position modulo 2."""
        return self.add(arith.RemSIOp(self.position[axis], self.index(2)))


def _valid(at: Place, op: ValidOp) -> SSAValue:
    tile = at.index(op.tile.value.data)
    before = at.add(arith.MuliOp(at.position[op.axis.data], tile))
    left = at.add(arith.SubiOp(at.index(op.total.value.data), before))
    some = at.add(arith.MaxSIOp(left, at.index(0)))
    return at.add(arith.MinSIOp(some, tile))


ROLE_VALUES: Mapping[type[RoleOp], Callable[[Place, RoleOp], SSAValue]] = {
    ParityOp: lambda at, op: at.parity(op.axis.data),
    FirstOp: lambda at, op: at.equals(op.axis.data, 0),
    LastOp: lambda at, op: at.equals(op.axis.data, at.extent[op.axis.data] - 1),
    ValidOp: lambda at, op: _valid(at, op) if isinstance(op, ValidOp) else at.index(0),
}
"""Roles that are parameters, and how the layout computes them."""


def no_value(at: Place) -> SSAValue:
    """For parameters that the layout passes by other means (memcpy's)."""
    raise AssertionError("this parameter has no expression of its own")


def role_name(op: RoleOp) -> str:
    """The parameter's name, such as ``valid_cols_32_of_250``."""
    name = f"{op.name.removeprefix('dataflow.')}_{op.axis.data.value}"
    if isinstance(op, ValidOp):
        name += f"_{op.tile.value.data}_of_{op.total.value.data}"
    return name


@dataclass(frozen=True)
class Parameter:
    """A parameter of the PE program: its name, type, and the layout's expression for it."""

    name: str
    type: TypeAttribute
    value: Callable[[Place], SSAValue]


class Parameters:
    """The parameters of one PE program, in the order of first use."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Parameter, ParamOp]] = {}

    def get(self, parameter: Parameter) -> SSAValue:
        """The value of `parameter`, declared at its first use."""
        if parameter.name not in self._made:
            op = ParamOp(parameter.name, parameter.type)
            op.result.name_hint = parameter.name
            self._made[parameter.name] = parameter, op
        return self._made[parameter.name][1].result

    @property
    def all(self) -> list[Parameter]:
        """Every parameter."""
        return [parameter for parameter, _ in self._made.values()]

    @property
    def ops(self) -> list[ParamOp]:
        """Every declaration."""
        return [op for _, op in self._made.values()]
