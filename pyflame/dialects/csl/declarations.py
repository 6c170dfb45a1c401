"""Ops that declare things of a program: arrays, ids, queues, registers, exports, comptime code."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import (
    BoolAttr,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolRefAttr,
    i1,
    i64,
)
from xdsl.dialects.csl import ColorType, ComptimeStructType, CslModuleOp
from xdsl.ir import Operation, Region, SSAValue, TypeAttribute
from xdsl.irdl import (
    IRDLOperation,
    eq,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
)
from xdsl.traits import HasParent, NoMemoryEffect, NoTerminator, Pure
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.csl.types import DsrFile, DsrType, FifoType, IdKind, IdType


@irdl_op_definition
class ArrayOp(IRDLOperation):
    """A global array of the program.

    Without a value it is zero. `align` is in bytes. A constant array cannot be written.

    ``%a = csl_ext.array "a" align 16 : memref<64xf32>`` is
    ``var a: [64]f32 align(16) = @zeros([64]f32);``
    """

    name = "csl_ext.array"

    sym_name = prop_def(StringAttr)
    alignment = opt_prop_def(IntegerAttr.constr(type=eq(i64)))
    value = opt_prop_def(DenseIntOrFPElementsAttr)
    constant = opt_prop_def(BoolAttr)
    result = result_def(MemRefType)

    traits = traits_def(HasParent(CslModuleOp))

    assembly_format = (
        "$sym_name (`align` $alignment^)? (`constant` $constant^)? (`=` $value^)? "
        "attr-dict `:` type($result)"
    )

    def __init__(
        self,
        name: str,
        type: MemRefType,
        alignment: int | None = None,
        value: DenseIntOrFPElementsAttr | None = None,
        constant: bool = False,
    ) -> None:
        super().__init__(
            result_types=[type],
            properties={
                "sym_name": StringAttr(name),
                "alignment": None if alignment is None else IntegerAttr(alignment, i64),
                "value": value,
                "constant": BoolAttr.from_bool(True) if constant else None,
            },
        )

    def verify_(self) -> None:
        if not self.result.type.has_static_shape():
            raise VerifyException(f"array {self.sym_name}: shape {self.result.type} is not static")
        if self.value is not None:
            have, want = self.value.get_shape(), self.result.type.get_shape()
            if have != want:
                raise VerifyException(f"array {self.sym_name}: value of shape {have} for {want}")
        if self.alignment is not None:
            align = self.alignment.value.data
            if align < 1 or align & (align - 1):
                raise VerifyException(
                    f"array {self.sym_name}: alignment {align} is no power of two"
                )


@irdl_op_definition
class ParamOp(IRDLOperation):
    """A parameter of the file, of any type: xDSL's `csl.param` knows no index, id or pointer.

    ``%n = csl_ext.param "valid_cols" : index`` is ``param valid_cols: i32;``. Structs print
    without a type, as SDK 2.10 asks.
    """

    name = "csl_ext.param"

    sym_name = prop_def(StringAttr)
    result = result_def()

    traits = traits_def(HasParent(CslModuleOp))

    assembly_format = "$sym_name attr-dict `:` type($result)"

    def __init__(self, name: str, type: TypeAttribute) -> None:
        super().__init__(result_types=[type], properties={"sym_name": StringAttr(name)})


@irdl_op_definition
class GetIdOp(IRDLOperation):
    """A queue, task or microthread id from its number.

    ``%q = csl_ext.get_id 2 : !csl_ext<id input_queue>`` is ``@get_input_queue(2)``.
    """

    name = "csl_ext.get_id"

    number = prop_def(IntegerAttr.constr(type=eq(i64)))
    result = result_def(IdType)

    traits = traits_def(Pure())

    assembly_format = "$number attr-dict `:` type($result)"

    LIMITS: ClassVar[dict[IdKind, int]] = {
        IdKind.INPUT_QUEUE: 8,
        IdKind.OUTPUT_QUEUE: 8,
        IdKind.LOCAL_TASK: 31,
        IdKind.CONTROL_TASK: 64,
        IdKind.MICROTHREAD: 8,
    }
    """How many ids of a kind the widest architecture has."""

    def __init__(self, kind: IdKind, number: int) -> None:
        super().__init__(
            result_types=[IdType(kind)], properties={"number": IntegerAttr(number, i64)}
        )

    def verify_(self) -> None:
        kind, number = self.result.type.data, self.number.value.data
        if kind == IdKind.DATA_TASK:
            raise VerifyException("a data task id comes from a colour or queue: get_data_task_id")
        if not 0 <= number < self.LIMITS[kind]:
            raise VerifyException(f"{kind.value} {number} is not in 0..{self.LIMITS[kind] - 1}")


@irdl_op_definition
class GetDataTaskIdOp(IRDLOperation):
    """The data task id of a colour: the colour itself on WSE-2, its input queue on WSE-3.

    ``csl_ext.get_data_task_id %color, %queue`` is
    ``if (@is_arch("wse3")) @get_data_task_id(queue) else @get_data_task_id(color)``.
    """

    name = "csl_ext.get_data_task_id"

    color = operand_def(ColorType)
    queue = operand_def(IdType(IdKind.INPUT_QUEUE))
    result = result_def(IdType(IdKind.DATA_TASK))

    traits = traits_def(Pure())

    assembly_format = "$color `,` $queue attr-dict"

    def __init__(self, color: SSAValue | Operation, queue: SSAValue | Operation) -> None:
        super().__init__(operands=[color, queue], result_types=[IdType(IdKind.DATA_TASK)])


@irdl_op_definition
class GetDsrOp(IRDLOperation):
    """A data structure register: ``csl_ext.get_dsr 0 : !csl_ext<dsr dest>``."""

    name = "csl_ext.get_dsr"

    number = prop_def(IntegerAttr.constr(type=eq(i64)))
    result = result_def(DsrType)

    traits = traits_def(Pure())

    assembly_format = "$number attr-dict `:` type($result)"

    def __init__(self, file: DsrFile, number: int) -> None:
        super().__init__(
            result_types=[DsrType(file)], properties={"number": IntegerAttr(number, i64)}
        )


@irdl_op_definition
class AllocateFifoOp(IRDLOperation):
    """A FIFO in an array: ``csl_ext.allocate_fifo %buffer : memref<16xf32>``."""

    name = "csl_ext.allocate_fifo"

    buffer = operand_def(MemRefType)
    result = result_def(FifoType)

    traits = traits_def(HasParent(CslModuleOp))

    assembly_format = "$buffer attr-dict `:` type($buffer)"

    def __init__(self, buffer: SSAValue | Operation) -> None:
        super().__init__(operands=[buffer], result_types=[FifoType()])


@irdl_op_definition
class IsArchOp(IRDLOperation):
    """True when compiling for an architecture: ``csl_ext.is_arch "wse3"``."""

    name = "csl_ext.is_arch"

    arch = prop_def(StringAttr)
    result = result_def(i1)

    traits = traits_def(Pure())

    assembly_format = "$arch attr-dict"

    def __init__(self, arch: str) -> None:
        super().__init__(result_types=[i1], properties={"arch": StringAttr(arch)})


@irdl_op_definition
class GetRectangleOp(IRDLOperation):
    """The program's rectangle as a struct with ``width`` and ``height``."""

    name = "csl_ext.get_rectangle"

    result = result_def(ComptimeStructType)

    traits = traits_def(Pure())

    assembly_format = "attr-dict"

    def __init__(self) -> None:
        super().__init__(result_types=[ComptimeStructType()])


@irdl_op_definition
class ComptimeOp(IRDLOperation):
    """A ``comptime { … }`` block of a program: bindings, queue set-up, exports."""

    name = "csl_ext.comptime"

    body = region_def("single_block")

    traits = traits_def(HasParent(CslModuleOp), NoTerminator())

    assembly_format = "attr-dict-with-keyword $body"

    def __init__(self, body: Region) -> None:
        super().__init__(regions=[body])


@irdl_op_definition
class InitializeQueueOp(IRDLOperation):
    """Give a queue its colour, once, in a comptime block.

    Output queues of WSE-2 take no colour; the printer writes what both architectures accept.

    ``csl_ext.initialize_queue %q, %color : !csl_ext<id input_queue>``
    """

    name = "csl_ext.initialize_queue"

    queue = operand_def(IdType)
    color = operand_def(ColorType)

    traits = traits_def(HasParent(ComptimeOp))

    assembly_format = "$queue `,` $color attr-dict `:` type($queue)"

    def __init__(self, queue: SSAValue | Operation, color: SSAValue | Operation) -> None:
        super().__init__(operands=[queue, color])

    def verify_(self) -> None:
        kind = self.queue.type
        if not isinstance(kind, IdType) or kind.data not in (
            IdKind.INPUT_QUEUE,
            IdKind.OUTPUT_QUEUE,
        ):
            raise VerifyException(f"initialize_queue takes a queue, got {kind}")


@irdl_op_definition
class BindTaskOp(IRDLOperation):
    """Start task `task` by `id`: ``csl_ext.bind_task @done, %id : !csl_ext<id local_task_id>``."""

    name = "csl_ext.bind_task"

    task = prop_def(SymbolRefAttr)
    id = operand_def(IdType)

    traits = traits_def(HasParent(ComptimeOp))

    assembly_format = "$task `,` $id attr-dict `:` type($id)"

    KINDS: ClassVar[dict[IdKind, str]] = {
        IdKind.LOCAL_TASK: "local",
        IdKind.DATA_TASK: "data",
        IdKind.CONTROL_TASK: "control",
    }
    """Kind of id → the word in ``@bind_local_task``."""

    def __init__(self, task: str, id: SSAValue | Operation) -> None:
        super().__init__(operands=[id], properties={"task": SymbolRefAttr(task)})

    def verify_(self) -> None:
        if not isinstance(self.id.type, IdType) or self.id.type.data not in self.KINDS:
            raise VerifyException(f"bind_task takes a task id, got {self.id.type}")


@irdl_op_definition
class ExportSymbolOp(IRDLOperation):
    """Make a pointer or function known to the host, in the program's comptime block.

    ``csl_ext.export_symbol "A" = %ptr : !csl.ptr<…>`` or ``csl_ext.export_symbol "main"``.
    """

    name = "csl_ext.export_symbol"

    symbol = prop_def(StringAttr)
    value = opt_operand_def()

    traits = traits_def(HasParent(ComptimeOp))

    assembly_format = "$symbol (`=` $value^ `:` type($value))? attr-dict"

    def __init__(self, symbol: str, value: SSAValue | Operation | None = None) -> None:
        super().__init__(operands=[value], properties={"symbol": StringAttr(symbol)})


@irdl_op_definition
class ExportNameOp(IRDLOperation):
    """Declare an exported name and its type in the layout block.

    ``csl_ext.export_name "A" mutable : !csl.ptr<…>`` is ``@export_name("A", [*]f32, true);``
    """

    name = "csl_ext.export_name"

    symbol = prop_def(StringAttr)
    type = prop_def(TypeAttribute)
    mutable = prop_def(BoolAttr)

    assembly_format = "$symbol `:` $type `mutable` $mutable attr-dict"

    def __init__(self, symbol: str, type: TypeAttribute, mutable: bool = False) -> None:
        super().__init__(
            properties={
                "symbol": StringAttr(symbol),
                "type": type,
                "mutable": BoolAttr.from_bool(mutable),
            }
        )


@irdl_op_definition
class ComptimeAssertOp(IRDLOperation):
    """Refuse to compile unless a condition holds: ``csl_ext.comptime_assert %c``."""

    name = "csl_ext.comptime_assert"

    condition = operand_def(i1)

    assembly_format = "$condition attr-dict"

    def __init__(self, condition: SSAValue | Operation) -> None:
        super().__init__(operands=[condition])


@irdl_op_definition
class AssertOp(IRDLOperation):
    """Stop a simulation unless a condition holds: ``csl_ext.assert %c``."""

    name = "csl_ext.assert"

    condition = operand_def(i1)

    assembly_format = "$condition attr-dict"

    def __init__(self, condition: SSAValue | Operation) -> None:
        super().__init__(operands=[condition])


@irdl_op_definition
class ElementPtrOp(IRDLOperation):
    """A pointer to one element, as a DSD operation's scalar destination: ``&a[i]``.

    ``csl_ext.element_ptr %a[%i] : memref<8xf32>, i16 -> !csl.ptr<f32, …>``
    """

    name = "csl_ext.element_ptr"

    array = operand_def(MemRefType)
    index = operand_def()
    result = result_def()

    traits = traits_def(NoMemoryEffect())

    assembly_format = (
        "$array `[` $index `]` attr-dict `:` type($array) `,` type($index) `->` type($result)"
    )

    def __init__(
        self, array: SSAValue | Operation, index: SSAValue | Operation, result: TypeAttribute
    ) -> None:
        super().__init__(operands=[array, index], result_types=[result])


@irdl_op_definition
class CastOp(IRDLOperation):
    """A number as another type: ``csl_ext.as %n : index to ui16`` is ``@as(u16, n)``.

    Unlike `arith`'s conversions it takes and gives signed and unsigned types.
    """

    name = "csl_ext.as"

    value = operand_def()
    result = result_def()

    traits = traits_def(Pure())

    assembly_format = "$value attr-dict `:` type($value) `to` type($result)"

    def __init__(self, value: SSAValue | Operation, result: TypeAttribute) -> None:
        super().__init__(operands=[value], result_types=[result])


DECLARATIONS = (
    ArrayOp, ParamOp, GetIdOp, GetDataTaskIdOp, GetDsrOp, AllocateFifoOp, IsArchOp, GetRectangleOp,
    ComptimeOp, InitializeQueueOp, BindTaskOp, ExportSymbolOp, ExportNameOp, ComptimeAssertOp,
    AssertOp, ElementPtrOp, CastOp,
)  # fmt: skip
"""Every op of this file."""
