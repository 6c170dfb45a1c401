"""DSDs over memory and fabric, DSRs, the operations on them, and `@map`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import IntegerType, MemRefType, StringAttr, SymbolRefAttr, UnitAttr
from xdsl.dialects.csl import ColorType, DsdKind, DsdType, ImportedModuleType, PtrType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.csl.builtins import DSD_BUILTINS, matches
from pyflame.dialects.csl.types import DsrFile, DsrType, FifoType, IdKind, IdType


@irdl_op_definition
class MemDsdOp(IRDLOperation):
    """A strided window of a one-dimensional array, its numbers known at run time or before.

    `extent`, `offset` and `stride` count elements.

    ``%d = csl_ext.mem_dsd %a[%offset] extent %n stride %s : memref<64xf32>, i16, i16, i8``
    """

    name = "csl_ext.mem_dsd"

    array = operand_def(MemRefType)
    offset = operand_def(IntegerType)
    extent = operand_def(IntegerType)
    stride = operand_def(IntegerType)
    result = result_def(DsdType)

    traits = traits_def(Pure())

    assembly_format = (
        "$array `[` $offset `]` `extent` $extent `stride` $stride attr-dict "
        "`:` type($array) `,` type($offset) `,` type($extent) `,` type($stride) `->` type($result)"
    )

    def __init__(
        self,
        array: SSAValue | Operation,
        offset: SSAValue | Operation,
        extent: SSAValue | Operation,
        stride: SSAValue | Operation,
    ) -> None:
        super().__init__(
            operands=[array, offset, extent, stride], result_types=[DsdType(DsdKind.mem1d_dsd)]
        )

    def verify_(self) -> None:
        rank = len(self.array.type.get_shape()) if isinstance(self.array.type, MemRefType) else 0
        if rank != 1:
            raise VerifyException(f"mem_dsd windows an array of rank 1, got {self.array.type}")


@irdl_op_definition
class FabDsdOp(IRDLOperation):
    """A window of `extent` elements of a queue; wavelets travel on `color`.

    ``csl_ext.fab_dsd %queue, %color extent %n : !csl_ext<id input_queue>, i16``
    """

    name = "csl_ext.fab_dsd"

    queue = operand_def(IdType)
    color = operand_def(ColorType)
    extent = operand_def(IntegerType)
    control = opt_prop_def(UnitAttr)
    result = result_def(DsdType)

    traits = traits_def(Pure())

    assembly_format = (
        "$queue `,` $color `extent` $extent (`control` $control^)? attr-dict "
        "`:` type($queue) `,` type($extent) `->` type($result)"
    )

    KINDS: ClassVar[dict[IdKind, DsdKind]] = {
        IdKind.INPUT_QUEUE: DsdKind.fabin_dsd,
        IdKind.OUTPUT_QUEUE: DsdKind.fabout_dsd,
    }

    def __init__(
        self,
        queue: SSAValue | Operation,
        color: SSAValue | Operation,
        extent: SSAValue | Operation,
        control: bool = False,
    ) -> None:
        kind = SSAValue.get(queue).type
        assert isinstance(kind, IdType)
        super().__init__(
            operands=[queue, color, extent],
            properties={"control": UnitAttr() if control else None},
            result_types=[DsdType(self.KINDS[kind.data])],
        )

    def verify_(self) -> None:
        kind = self.queue.type
        if not isinstance(kind, IdType) or self.KINDS.get(kind.data) != self.result.type.data:
            raise VerifyException(
                f"fab_dsd of queue {kind} cannot be a {self.result.type.data.value}"
            )
        if self.control is not None and kind.data != IdKind.OUTPUT_QUEUE:
            raise VerifyException("only an output DSD sends control wavelets")


@irdl_op_definition
class LoadToDsrOp(IRDLOperation):
    """Put a DSD into a register; with `save_address` each operation continues where the last ended.

    ``csl_ext.load_to_dsr %dsr, %dsd save_address : !csl_ext<dsr dest>, !csl<dsd mem1d_dsd>``
    """

    name = "csl_ext.load_to_dsr"

    dsr = operand_def(DsrType)
    dsd = operand_def(DsdType)
    save_address = opt_prop_def(UnitAttr)

    assembly_format = (
        "$dsr `,` $dsd (`save_address` $save_address^)? attr-dict `:` type($dsr) `,` type($dsd)"
    )

    def __init__(
        self, dsr: SSAValue | Operation, dsd: SSAValue | Operation, save_address: bool = False
    ) -> None:
        super().__init__(
            operands=[dsr, dsd], properties={"save_address": UnitAttr() if save_address else None}
        )


@irdl_op_definition
class DsdOp(IRDLOperation):
    """A DSD operation: destination, then sources.

    Operands are DSDs, registers of the operand's own file, FIFOs, pointers to a scalar
    (destination) or scalars. `asynchronous` needs a fabric operand; at its end it activates or
    unblocks a task.

    ``csl_ext.dsd "fadds"(%d, %a, %b : …) async activate %done``
    """

    name = "csl_ext.dsd"

    builtin = prop_def(StringAttr)
    ops = var_operand_def()
    asynchronous = opt_prop_def(UnitAttr)
    activate = opt_operand_def(IdType(IdKind.LOCAL_TASK))
    unblock = opt_operand_def()

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    assembly_format = (
        "$builtin `(` $ops `:` type($ops) `)` (`async` $asynchronous^)? (`activate` $activate^)? "
        "(`unblock` $unblock^ `:` type($unblock))? attr-dict"
    )

    def __init__(
        self,
        builtin: str,
        *ops: SSAValue | Operation,
        asynchronous: bool = False,
        activate: SSAValue | Operation | None = None,
        unblock: SSAValue | Operation | None = None,
    ) -> None:
        super().__init__(
            operands=[ops, activate, unblock],
            properties={
                "builtin": StringAttr(builtin),
                "asynchronous": UnitAttr() if asynchronous else None,
            },
        )

    def verify_(self) -> None:
        name = self.builtin.data
        row = DSD_BUILTINS.get(name)
        if row is None:
            raise VerifyException(f"CSL has no DSD operation @{name}")
        if len(self.ops) != 1 + len(row.sources):
            raise VerifyException(
                f"@{name} takes {1 + len(row.sources)} operands, got {len(self.ops)}"
            )
        self._verify_destination(row.dest)
        for index, operand in enumerate(self.ops[1:]):
            self._verify_source(index, operand.type)
        fabric = any(_is_fabric(operand.type) for operand in self.ops)
        if self.asynchronous is not None and not fabric:
            raise VerifyException(f"@{name}: an asynchronous operation needs a fabric operand")
        if self.asynchronous is None and (self.activate or self.unblock):
            raise VerifyException(f"@{name}: only an asynchronous operation activates or unblocks")
        if self.activate and self.unblock:
            raise VerifyException(f"@{name}: activate and unblock exclude each other")

    def _verify_destination(self, element: str) -> None:
        type = self.ops[0].type
        fits = (
            (isinstance(type, DsdType) and type.data != DsdKind.fabin_dsd)
            or isinstance(type, FifoType)
            or (isinstance(type, DsrType) and type.data == DsrFile.DEST)
            or (isinstance(type, PtrType) and matches(element, type.type))
        )
        if not fits:
            raise VerifyException(f"@{self.builtin.data}: destination {type} cannot be written")

    def _verify_source(self, index: int, type: Attribute) -> None:
        row = DSD_BUILTINS[self.builtin.data]
        if isinstance(type, DsdType | DsrType | FifoType):
            if index in row.only:
                raise VerifyException(f"@{self.builtin.data}: source {index} must be a scalar")
            if isinstance(type, DsdType) and type.data == DsdKind.fabout_dsd:
                raise VerifyException(f"@{self.builtin.data}: source {index} is an output DSD")
            if isinstance(type, DsrType) and type.data == DsrFile.DEST:
                raise VerifyException(f"@{self.builtin.data}: source {index} is a dest register")
        elif not row.accepts_scalar(index) or not matches(row.sources[index], type):
            raise VerifyException(
                f"@{self.builtin.data}: source {index} has type {type}, "
                f"expected a DSD or {row.sources[index]}"
            )


def _is_fabric(type: Attribute) -> bool:
    return isinstance(type, DsrType | FifoType) or (
        isinstance(type, DsdType) and type.data in (DsdKind.fabin_dsd, DsdKind.fabout_dsd)
    )


@irdl_op_definition
class MapOp(IRDLOperation):
    """Call a function for every element: `inputs` are DSDs or scalars, `output` a DSD or pointer.

    The function is one of the program (`callee`) or a member of an imported module.

    ``csl_ext.map @f(%x, %c : …) to %y : !csl<dsd mem1d_dsd>``
    """

    name = "csl_ext.map"

    callee = prop_def(SymbolRefAttr)
    module = opt_operand_def(ImportedModuleType)
    inputs = var_operand_def()
    output = opt_operand_def()

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    assembly_format = (
        "(`of` $module^)? $callee `(` $inputs `:` type($inputs) `)` "
        "(`to` $output^ `:` type($output))? attr-dict"
    )

    def __init__(
        self,
        callee: str,
        inputs: Sequence[SSAValue | Operation],
        output: SSAValue | Operation | None = None,
        module: SSAValue | Operation | None = None,
    ) -> None:
        super().__init__(
            operands=[module, inputs, output], properties={"callee": SymbolRefAttr(callee)}
        )

    def verify_(self) -> None:
        operands = [*self.inputs, *([self.output] if self.output else [])]
        if not any(isinstance(operand.type, DsdType) for operand in operands):
            raise VerifyException("map needs at least one DSD, or it would never end")
        if self.output and not isinstance(self.output.type, DsdType | PtrType):
            raise VerifyException(f"map writes to a DSD or pointer, got {self.output.type}")


DSDS = (MemDsdOp, FabDsdOp, LoadToDsrOp, DsdOp, MapOp)
"""Every op of this file."""
