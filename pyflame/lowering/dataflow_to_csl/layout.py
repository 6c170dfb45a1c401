"""The layout module: places the PE program, evaluates roles, routes colours, exports names.

Its size depends on the number of channels and roles, not on the number of PEs: everything is a
loop over the rectangle with conditions on x and y.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith, csl, scf
from xdsl.dialects.builtin import IndexType, IntegerAttr, StringAttr, i16
from xdsl.ir import Block, Operation, Region, SSAValue, TypeAttribute

from pyflame.dialects.csl.declarations import CastOp, ExportNameOp
from pyflame.dialects.csl.tasks import SetColorConfigOp
from pyflame.dialects.csl.types import RouteAttr
from pyflame.dialects.dataflow.attributes import RouteAttr as ChannelRoute
from pyflame.dialects.dataflow.program import ChannelOp, ProgramOp
from pyflame.dialects.mesh.attributes import Axis
from pyflame.lowering.dataflow_to_csl.roles import Parameter, Place

LAYOUT = "layout"
"""Symbol of the layout module; its file is ``layout.csl``."""


def layout_module(
    program: ProgramOp,
    parameters: Sequence[Parameter],
    exports: Sequence[tuple[str, TypeAttribute]],
    pe_file: str,
) -> csl.CslModuleOp:
    """The layout of `program` on its rectangle.

    `parameters` are the PE program's beyond memcpy's; `exports` the names the host may use.
    """
    rows, cols = program.rectangle
    top = Block()
    colors = _colors(top, program.channels)
    memcpy = _memcpy(top, rows, cols)
    body = Block()
    width, height = (_constant(body, n) for n in (cols, rows))
    body.add_op(csl.SetRectangleOp(operands=[width, height]))

    columns, x = _loop(body, cols, "x")
    column = _add(columns, CastOp(x, i16), "column")
    params = csl.MemberCallOp("get_params", csl.ComptimeStructType(), memcpy, [column])
    columns.add_op(params)
    assert params.result is not None
    params.result.name_hint = "memcpy_params"

    inner, y = _loop(columns, rows, "y")
    row = _add(inner, CastOp(y, i16), "row")
    extent = {Axis.COLS: cols, Axis.ROWS: rows}
    place = Place(inner, {Axis.COLS: x, Axis.ROWS: y}, extent, colors.__getitem__)
    fields = [("memcpy_params", params.result)]
    fields += [(parameter.name, parameter.value(place)) for parameter in parameters]
    struct = _add(inner, csl.ConstStructOp(*fields))
    inner.add_op(csl.SetTileCodeOp(pe_file, column, row, struct))
    for channel in program.channels:
        _routes(place, channel, column, row)
    inner.add_op(scf.YieldOp())
    columns.add_op(scf.YieldOp())

    for name, type in exports:
        body.add_op(ExportNameOp(name, type, mutable=isinstance(type, csl.PtrType)))
    top.add_op(csl.LayoutOp(Region(body)))
    return csl.CslModuleOp(
        properties={
            "kind": csl.ModuleKindAttr(csl.ModuleKind.LAYOUT),
            "sym_name": StringAttr(LAYOUT),
        },
        regions=[Region(top)],
    )


def _add(block: Block, op: Operation, hint: str | None = None) -> SSAValue:
    block.add_op(op)
    op.results[0].name_hint = hint
    return op.results[0]


def _constant(block: Block, value: int) -> SSAValue:
    return _add(block, arith.ConstantOp(IntegerAttr(value, i16)))


def _colors(top: Block, channels: Sequence[ChannelOp]) -> dict[int, SSAValue]:
    """Every colour of the channels, declared with the channel's name."""
    colors: dict[int, SSAValue] = {}
    for channel in channels:
        values = channel.color_values or ()
        for slot, number in enumerate(values):
            if number in colors:
                continue
            suffix = f"_{slot}" if len(values) > 1 else ""
            op = csl.GetColorOp(_constant(top, number))  # type: ignore[arg-type]
            colors[number] = _add(top, op, f"{channel.sym_name.data}{suffix}")
    return colors


def _memcpy(top: Block, rows: int, cols: int) -> csl.ImportModuleConstOp:
    struct = csl.ConstStructOp(("width", _constant(top, cols)), ("height", _constant(top, rows)))
    top.add_op(struct)
    struct.res.name_hint = "rectangle"
    op = csl.ImportModuleConstOp("<memcpy/get_params>", struct)
    _add(top, op, "memcpy")
    return op


def _loop(block: Block, stop: int, hint: str) -> tuple[Block, SSAValue]:
    """A loop from 0 to `stop`, added to `block`; gives its body, still without terminator."""
    body = Block(arg_types=[IndexType()])
    body.args[0].name_hint = hint
    lb, ub, step = (
        _add(block, arith.ConstantOp(IntegerAttr(n, IndexType()))) for n in (0, stop, 1)
    )
    block.add_op(scf.ForOp(lb, ub, step, [], Region(body)))
    return body, body.args[0]


def _routes(place: Place, channel: ChannelOp, column: SSAValue, row: SSAValue) -> None:
    colors = channel.color_values or ()
    for route in channel.routes:
        color = place.color(colors[route.slot.data])
        config = RouteAttr.of(
            [d.value for d in route.rx_values], [d.value for d in route.tx_values]
        )
        op = SetColorConfigOp(column, row, color, config)
        condition = _condition(place, channel.axis.data, route)
        if condition is None:
            place.block.add_op(op)
        else:
            then = Region(Block([op, scf.YieldOp()]))
            place.block.add_op(scf.IfOp(condition, [], then))


def _condition(place: Place, axis: Axis, route: ChannelRoute) -> SSAValue | None:
    """Whether the PE stands at one of the route's positions; None if every PE does."""
    positions = route.positions
    if len(positions) == 1:
        return None if place.extent[axis] == 1 else place.equals(axis, positions[0])
    position = place.position[axis]
    tests: list[SSAValue] = []
    if positions.step > 1:
        phase = place.add(arith.RemSIOp(position, place.index(positions.step)))
        first = place.index(positions.start % positions.step)
        tests.append(place.add(arith.CmpiOp(phase, first, "eq")))
    if positions.start >= positions.step:
        tests.append(place.add(arith.CmpiOp(position, place.index(positions[0]), "sge")))
    if positions[-1] + positions.step < place.extent[axis]:
        tests.append(place.add(arith.CmpiOp(position, place.index(positions[-1]), "sle")))
    if not tests:
        return None
    result = tests[0]
    for test in tests[1:]:
        result = place.add(arith.AndIOp(result, test))
    return result
