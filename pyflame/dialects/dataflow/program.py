"""A program and what it declares: buffers, channels, phases, tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolNameConstraint,
    TensorType,
    i64,
)
from xdsl.ir import Block, Operation, Region
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
)
from xdsl.traits import HasParent, NoTerminator, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from pyflame.arch import TARGETS, Arch
from pyflame.dialects.dataflow.attributes import Purpose, PurposeAttr, RouteAttr
from pyflame.dialects.dataflow.routes import recv_slots, send_slots
from pyflame.dialects.dataflow.types import element_size, is_element
from pyflame.dialects.mesh.attributes import Axis, AxisAttr, tile_of

TOTAL = "dataflow.total"
"""Attribute of a loop over panels of varying length: the sum of all lengths."""


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """
    What one PE of a rectangle executes, parametric in its place.

    ```mlir
    dataflow.program @main on "wse2" rows 4 cols 4 {
      %x = dataflow.buffer @x input : memref<8x32xf32>
      dataflow.channel @cols_east along cols [#dataflow.route<…>, …]
      dataflow.phase "relu" { … }
      dataflow.finish
    }
    ```

    Declarations come first; then the phases, which run once per launch from the host, in order.
    """

    name = "dataflow.program"
    sym_name = prop_def(SymbolNameConstraint())
    target = prop_def(StringAttr)
    rows = prop_def(IntegerAttr.constr(i64))
    cols = prop_def(IntegerAttr.constr(i64))
    body = region_def("single_block")
    traits = traits_def(SymbolOpInterface(), NoTerminator())

    assembly_format = (
        "$sym_name `on` $target `rows` $rows `cols` $cols attr-dict-with-keyword $body"
    )

    def __init__(
        self, name: str, target: str, rows: int, cols: int, body: Region | Block | None = None
    ) -> None:
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "target": StringAttr(target),
                "rows": IntegerAttr(rows, i64),
                "cols": IntegerAttr(cols, i64),
            },
            regions=[body if isinstance(body, Region) else Region(body or Block())],
        )

    @property
    def rectangle(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.rows.value.data, self.cols.value.data

    def extent(self, axis: Axis) -> int:
        """Number of PEs along an axis."""
        return self.rectangle[axis.number]

    @property
    def arch(self) -> Arch:
        """The target architecture."""
        return TARGETS[self.target.data]

    @property
    def buffers(self) -> tuple[BufferOp, ...]:
        """The buffers, in order."""
        return tuple(op for op in self.body.block.ops if isinstance(op, BufferOp))

    @property
    def channels(self) -> tuple[ChannelOp, ...]:
        """The channels, in order."""
        return tuple(op for op in self.body.block.ops if isinstance(op, ChannelOp))

    @property
    def tasks(self) -> tuple[TaskOp, ...]:
        """The tasks, in order."""
        return tuple(op for op in self.body.block.ops if isinstance(op, TaskOp))

    def channel(self, name: str) -> ChannelOp | None:
        """The channel called `name`."""
        return next((c for c in self.channels if c.sym_name.data == name), None)

    def task(self, name: str) -> TaskOp | None:
        """The task called `name`."""
        return next((t for t in self.tasks if t.sym_name.data == name), None)

    def verify_(self) -> None:
        """The target exists, the rectangle fits on it, names are unique."""
        if self.target.data not in TARGETS:
            raise VerifyException(
                f"target {self.target.data!r} is unknown, expected one of {', '.join(TARGETS)}"
            )
        rows, cols = self.rectangle
        most_cols, most_rows = self.arch.usable
        if not (1 <= rows <= most_rows and 1 <= cols <= most_cols):
            raise VerifyException(
                f"rectangle of {rows} rows and {cols} columns, expected 1 to {most_rows} rows "
                f"and 1 to {most_cols} columns on {self.target.data}"
            )
        names = [op.sym_name.data for op in (*self.buffers, *self.channels, *self.tasks)]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise VerifyException(f"names {twice} are declared twice")


@irdl_op_definition
class BufferOp(IRDLOperation):
    """
    A static array in the PE's memory.

    ```mlir
    %x = dataflow.buffer @x input {tensor = tensor<64x250xf32, #L>} : memref<8x32xf32>
    ```

    The host fills an `input` before the launch and fetches an `output` after it; `tensor` is the
    distributed tensor whose row-major tile the buffer holds, and `host` the name by which the host
    knows it where that is no identifier. A `temporary` belongs to the program. `address` is the
    byte address within user memory, once allocated.
    """

    name = "dataflow.buffer"
    sym_name = prop_def(SymbolNameConstraint())
    purpose = prop_def(PurposeAttr)
    tensor = opt_prop_def(TensorType)
    host = opt_prop_def(StringAttr)
    address = opt_prop_def(IntegerAttr.constr(i64))
    result = result_def(MemRefType)
    traits = traits_def(SymbolOpInterface(), HasParent(ProgramOp))
    irdl_options = (ParsePropInAttrDict(),)

    assembly_format = "$sym_name $purpose attr-dict `:` type($result)"

    def __init__(
        self,
        name: str,
        purpose: Purpose,
        type: MemRefType,
        tensor: TensorType | None = None,
        host: str | None = None,
    ) -> None:
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "purpose": PurposeAttr(purpose),
                "tensor": tensor,
                "host": StringAttr(host) if host is not None else None,
            },
            result_types=[type],
        )

    @property
    def host_name(self) -> str:
        """The name by which the host knows the buffer."""
        return (self.host or self.sym_name).data

    @property
    def type(self) -> MemRefType:
        """Shape and element type."""
        assert isinstance(self.result.type, MemRefType)
        return self.result.type

    @property
    def num_elements(self) -> int:
        """Elements of the array."""
        return prod(self.type.get_shape())

    @property
    def num_bytes(self) -> int:
        """Bytes of the array."""
        return self.num_elements * element_size(self.type.element_type)

    def verify_(self) -> None:
        """The shape is static; what the host sees is one tile of its tensor."""
        shape = self.type.get_shape()
        if any(n < 1 for n in shape) or not is_element(self.type.element_type):
            raise VerifyException(
                f"buffer {self.sym_name.data} is {self.type}, expected static sizes of at least 1 "
                "and elements f16, f32, i16 or i32"
            )
        shared = self.purpose.data is not Purpose.TEMPORARY
        if shared != (self.tensor is not None):
            raise VerifyException(
                f"{self.purpose.data.value} buffer {self.sym_name.data} has "
                f"{'no tensor' if shared else f'tensor {self.tensor}'}; exactly inputs and outputs "
                "have one"
            )
        if self.tensor is not None and tile_of(self.tensor) != shape:
            raise VerifyException(
                f"buffer {self.sym_name.data} is {self.type}, but tiles of {self.tensor} are "
                f"{list(tile_of(self.tensor))}"
            )


@irdl_op_definition
class ChannelOp(IRDLOperation):
    """
    Routes along every line of an axis, on one colour or two.

    ```mlir
    dataflow.channel @cols_east along cols [
      #dataflow.route<0, 0 to 1 step 1, [ramp] -> [ramp, east]>,
      #dataflow.route<0, 1 to 3 step 1, [west, ramp] -> [ramp, east]>,
      #dataflow.route<0, 3 to 4 step 1, [west, ramp] -> [ramp]>]
    ```

    Positions are columns for a channel along cols, rows along rows. Wavelets carry 32 bits; f16
    travels as f32. A channel has as many colours as its routes have slots; a PE sends on at most
    one and receives on at most one, depending only on the parity of its position
    (`routes.send_slots`, `routes.recv_slots`). After allocation `colors` holds the colour of each
    slot, and `input_queue` and `output_queue` what every PE uses.
    """

    name = "dataflow.channel"
    sym_name = prop_def(SymbolNameConstraint())
    axis = prop_def(AxisAttr)
    routes = prop_def(ArrayAttr[RouteAttr])
    colors = opt_prop_def(DenseArrayBase.constr(i64))
    input_queue = opt_prop_def(IntegerAttr.constr(i64))
    output_queue = opt_prop_def(IntegerAttr.constr(i64))
    traits = traits_def(SymbolOpInterface(), HasParent(ProgramOp))
    irdl_options = (ParsePropInAttrDict(),)

    assembly_format = "$sym_name `along` $axis $routes attr-dict"

    def __init__(self, name: str, axis: Axis, routes: Sequence[RouteAttr]) -> None:
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "axis": AxisAttr(axis),
                "routes": ArrayAttr(routes),
            }
        )

    @property
    def num_slots(self) -> int:
        """Number of colours the channel needs."""
        return max(r.slot.data for r in self.routes) + 1

    @property
    def color_values(self) -> tuple[int, ...] | None:
        """The colour of each slot, once allocated."""
        return None if self.colors is None else tuple(int(c) for c in self.colors.get_values())

    def verify_(self) -> None:
        """Slots are numbered without gaps and depend on parity; colours match slots."""
        name = self.sym_name.data
        slots = sorted({r.slot.data for r in self.routes})
        if not slots or slots != list(range(len(slots))):
            raise VerifyException(
                f"channel {name} has colour slots {slots}, expected 0, 1, … without gaps"
            )
        for find in (send_slots, recv_slots):
            find(self.routes.data)
        colors = self.color_values
        if colors is not None and (len(colors) != len(slots) or len(set(colors)) != len(colors)):
            raise VerifyException(
                f"channel {name} has colours {list(colors)} for {len(slots)} slots, "
                "expected one for each, all different"
            )


@irdl_op_definition
class PhaseOp(IRDLOperation):
    """
    A part of the program that belongs to one operation of the mesh level.

    ```mlir
    dataflow.phase "matmul" { … }
    ```

    Phases run in order and see all declarations; no value leaves one. Reports count cycles by
    phase.
    """

    name = "dataflow.phase"
    label = prop_def(StringAttr)
    body = region_def("single_block")
    traits = traits_def(NoTerminator())

    assembly_format = "$label attr-dict-with-keyword $body"

    def __init__(self, label: str, body: Region | Block) -> None:
        super().__init__(
            properties={"label": StringAttr(label)},
            regions=[Region(body) if isinstance(body, Block) else body],
        )


@irdl_op_definition
class TaskOp(IRDLOperation):
    """
    What runs when an asynchronous send that names this task has completed.

    ```mlir
    dataflow.task @sent { … }
    ```

    `id` is the local task id, once allocated.
    """

    name = "dataflow.task"
    sym_name = prop_def(SymbolNameConstraint())
    id = opt_prop_def(IntegerAttr.constr(i64))
    body = region_def("single_block")
    traits = traits_def(SymbolOpInterface(), NoTerminator(), HasParent(ProgramOp))

    assembly_format = "$sym_name (`id` $id^)? attr-dict-with-keyword $body"

    def __init__(self, name: str, body: Region | Block) -> None:
        super().__init__(
            properties={"sym_name": StringAttr(name)},
            regions=[Region(body) if isinstance(body, Block) else body],
        )


@irdl_op_definition
class FinishOp(IRDLOperation):
    """The launch is over on this PE: the host may go on. Last in the program or in its last task.

    ```mlir
    dataflow.finish
    ```
    """

    name = "dataflow.finish"
    assembly_format = "attr-dict"

    def __init__(self) -> None:
        super().__init__()


def programs(module: Operation) -> Iterator[ProgramOp]:
    """All programs of a module, in order."""
    for op in module.walk():
        if isinstance(op, ProgramOp):
            yield op


PROGRAM: tuple[type[IRDLOperation], ...] = (
    ProgramOp,
    BufferOp,
    ChannelOp,
    PhaseOp,
    TaskOp,
    FinishOp,
)
