"""Sending and receiving on channels."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.dialects.builtin import FlatSymbolRefAttrConstr, SymbolRefAttr, UnitAttr
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    opt_result_def,
    prop_def,
    traits_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.dataflow.program import ChannelOp, ProgramOp, TaskOp
from pyflame.dialects.dataflow.types import TokenType, ViewType, view_type


def program_of(op: Operation) -> ProgramOp:
    """The program that `op` is part of.

    Raises:
        VerifyException: it is part of none.
    """
    parent = op.parent_op()
    while parent is not None and not isinstance(parent, ProgramOp):
        parent = parent.parent_op()
    if parent is None:
        raise VerifyException(f"{op.name} stands outside of any dataflow.program")
    return parent


class ChannelUseOp(IRDLOperation, ABC):
    """An op that moves a view over a channel, one 32-bit wavelet per element, in view order.

    Synchronous unless said otherwise: it ends when this PE has sent or received all. f16 elements
    travel as f32. `BUILTINS` names the CSL builtin by element type.
    """

    channel = prop_def(FlatSymbolRefAttrConstr)
    view = operand_def(ViewType)
    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    BUILTINS: ClassVar[dict[str, str]]

    @property
    def channel_op(self) -> ChannelOp:
        """The channel's declaration."""
        found = program_of(self).channel(self.channel.string_value())
        if found is None:
            raise VerifyException(f"channel {self.channel} is not declared in the program")
        return found

    @property
    def builtin(self) -> str:
        """The CSL builtin that performs this op, without ``@``."""
        return self.BUILTINS[str(view_type(self.view).element)]

    def verify_(self) -> None:
        """The channel exists and elements can travel on it."""
        _ = self.channel_op
        element = str(view_type(self.view).element)
        if element not in self.BUILTINS:
            raise VerifyException(
                f"{self.name} moves elements {element}, expected one of {', '.join(self.BUILTINS)}"
            )


@irdl_op_definition
class SendOp(ChannelUseOp):
    """
    Send a view.

    ```mlir
    dataflow.send %v on @cols_west : !dataflow.view<64xf32, [1]>
    %t = dataflow.send %v on @cols_west async : !dataflow.view<64xf32, [1]> -> !dataflow.token
    ```

    `async`: the PE goes on while the words leave. Its completion gives the token (`await`), or,
    after `dataflow-lower-tokens`, activates `activate`; without either, a later receive implies
    it.
    """

    name = "dataflow.send"
    asynchronous = opt_prop_def(UnitAttr, prop_name="async")
    activate = opt_prop_def(FlatSymbolRefAttrConstr)
    token = opt_result_def(TokenType)
    BUILTINS: ClassVar = {"f32": "fmovs", "f16": "fh2s", "i32": "mov32"}

    assembly_format = (
        "$view `on` $channel (`async` $async^)? (`activate` $activate^)? attr-dict "
        "`:` type($view) (`->` type($token)^)?"
    )

    def __init__(
        self,
        view: SSAValue | Operation,
        channel: str,
        asynchronous: bool = False,
        token: bool = False,
    ) -> None:
        super().__init__(
            operands=[view],
            properties={
                "channel": SymbolRefAttr(channel),
                "async": UnitAttr() if asynchronous or token else None,
            },
            result_types=[[TokenType()] if token else []],
        )

    def verify_(self) -> None:
        """Only an asynchronous send has a completion."""
        super().verify_()
        if self.asynchronous is None and (self.token is not None or self.activate is not None):
            raise VerifyException("a synchronous send has no token and activates nothing")
        if self.activate is not None and self.task_op is None:
            raise VerifyException(f"task {self.activate} is not declared in the program")
        if self.token is not None and self.activate is not None:
            raise VerifyException("a send has a token or activates a task, not both")

    @property
    def task_op(self) -> TaskOp | None:
        """The task that completion activates."""
        if self.activate is None:
            return None
        return program_of(self).task(self.activate.string_value())


@irdl_op_definition
class RecvOp(ChannelUseOp):
    """Receive into a view.

    ```mlir
    dataflow.recv %v on @cols_west : !dataflow.view<64xf32, [1]>
    ```
    """

    name = "dataflow.recv"
    BUILTINS: ClassVar = {"f32": "fmovs", "f16": "fs2h", "i32": "mov32"}

    assembly_format = "$view `on` $channel attr-dict `:` type($view)"

    def __init__(self, view: SSAValue | Operation, channel: str) -> None:
        super().__init__(operands=[view], properties={"channel": SymbolRefAttr(channel)})


@irdl_op_definition
class ReduceStepOp(ChannelUseOp):
    """Add what arrives to a view: into the view, or, with `forward`, onward on the same channel.

    ```mlir
    dataflow.reduce_step %v on @cols_chain : !dataflow.view<64xf32, [1]>
    dataflow.reduce_step %v on @cols_chain forward : !dataflow.view<64xf32, [1]>
    ```

    In CSL: ``@fadds(view, view, in)``, or ``@fadds(out, view, in)``, which leaves the view as it
    was.
    """

    name = "dataflow.reduce_step"
    forward = opt_prop_def(UnitAttr)
    BUILTINS: ClassVar = {"f32": "fadds"}

    assembly_format = "$view `on` $channel (`forward` $forward^)? attr-dict `:` type($view)"

    def __init__(self, view: SSAValue | Operation, channel: str, forward: bool = False) -> None:
        super().__init__(
            operands=[view],
            properties={
                "channel": SymbolRefAttr(channel),
                "forward": UnitAttr() if forward else None,
            },
        )


@irdl_op_definition
class AwaitOp(IRDLOperation):
    """Go on only when an asynchronous send has completed.

    ```mlir
    dataflow.await %t
    ```
    """

    name = "dataflow.await"
    token = operand_def(TokenType)
    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = "$token attr-dict"

    def __init__(self, token: SSAValue | Operation) -> None:
        super().__init__(operands=[token])


COMMUNICATION: tuple[type[IRDLOperation], ...] = (SendOp, RecvOp, ReduceStepOp, AwaitOp)
