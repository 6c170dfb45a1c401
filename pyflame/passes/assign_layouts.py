"""Give every tensor of a function a layout on one rectangle of PEs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isqrt, prod

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr, TensorType
from xdsl.ir import Attribute, Block, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.traits import ConstantLike

from pyflame.arch.wse import WSE2
from pyflame.dialects.mesh.attributes import ARGUMENT_NAME, LayoutAttr, Split
from pyflame.dialects.mesh.movement import RedistributeOp
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.types import spec_of
from pyflame.dtypes import bool_
from pyflame.errors import Gap, LayoutError, UnsupportedError
from pyflame.passes.layout_rules import FORWARD, PULL, Rectangle, forward_default


@dataclass(frozen=True)
class AssignLayoutsPass(ModulePass):
    """Give every tensor a layout; where two uses of a computed value disagree, insert
    `mesh.redistribute`.

    Layouts of arguments that are already there are constraints, all on one rectangle. A tensor
    on a single PE beside a larger rectangle is whole on every PE of it. Without any, the
    rectangle is `rows` × `cols`; 0 means chosen here: the smallest square whose memory holds
    arguments and results twice.

    An argument without a layout takes the one that its consumer wants, through transposes,
    reshapes and elementwise ops; if its consumers want two, it becomes two arguments of the same
    `pyflame.name`, and the host places it twice. Otherwise the last dimension is cut over
    columns, the one before over rows, and dimensions of size 1 not at all. Results stay where
    they are computed.
    """

    name = "pyflame-assign-layouts"

    rows: int = 0
    cols: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Assign in every function; function types change with their arguments."""
        functions = [found for found in op.walk() if isinstance(found, func.FuncOp)]
        _check_supported(functions)
        for function in functions:
            explicit = _explicit_rectangle(function)
            rectangle = explicit or _chosen_rectangle(function, self.rows, self.cols)
            _Assignment(function, rectangle).run()


def _check_supported(functions: Sequence[func.FuncOp]) -> None:
    """Refuse control flow and ops of other dialects, all of them at once."""
    gaps = [
        Gap(op.name, f"function {function.sym_name.data!r}", "layouts pass through pyflame ops")
        for function in functions
        for op in function.body.walk()
        if not isinstance(op, PyFlameOp | func.ReturnOp)
    ]
    if gaps:
        raise UnsupportedError(gaps)


# The rectangle


def _explicit_layout(value: SSAValue) -> LayoutAttr | None:
    encoding = value.type.encoding if isinstance(value.type, TensorType) else None
    return encoding if isinstance(encoding, LayoutAttr) else None


def _describe(value: SSAValue) -> str:
    if isinstance(value, BlockArgument):
        return f"argument {value.index}"
    return f"the result of {value.owner.name}" if isinstance(value.owner, Operation) else "a value"


def _explicit_rectangle(function: func.FuncOp) -> Rectangle | None:
    """The rectangle that all explicit layouts share; single PEs fit any.

    Raises:
        LayoutError: two of them are on different rectangles, or one does more than cut.
    """
    found: tuple[SSAValue, LayoutAttr] | None = None
    values = [*function.args, *(r for op in function.body.walk() for r in op.results)]
    for value in values:
        layout = _explicit_layout(value)
        if layout is None:
            continue
        if layout.partial_axes or layout.roots != (None, None):
            raise LayoutError(
                f"layout <{layout.body()}> of {_describe(value)} must only cut dimensions"
            )
        if found is None or found[1].rectangle == (1, 1):
            found = value, layout
        elif layout.rectangle not in ((1, 1), found[1].rectangle):
            raise LayoutError(
                f"{_describe(found[0])} has layout <{found[1].body()}> and {_describe(value)} has "
                f"<{layout.body()}>; all layouts of a program share one rectangle"
            )
    return None if found is None else Rectangle(*found[1].rectangle)


def _chosen_rectangle(function: func.FuncOp, rows: int, cols: int) -> Rectangle:
    """`rows` × `cols`, where 0 means: as many as needed."""
    if min(rows, cols) < 0:
        raise LayoutError(f"rows and cols are {rows} and {cols}, expected at least 0")
    if rows and cols:
        return Rectangle(rows, cols)
    types = [*function.function_type.inputs, *function.function_type.outputs]
    specs = [spec_of(type) for type in types]
    room = (WSE2.memory_bytes - WSE2.runtime_reserve_bytes) // 2
    needed = max(1, ceil(sum(prod(s.shape) * s.dtype.size for s in specs) / room))
    if rows or cols:
        other = ceil(needed / (rows or cols))
        return Rectangle(rows or other, cols or other)
    side = isqrt(needed - 1) + 1
    return Rectangle(side, side)


# The assignment

_Wish = tuple[SSAValue, Split]
"""A value of the old block, and how its consumer wants it cut."""


class _Assignment:
    """Rebuilds one function with layouts, op by op, into a new block.

    Values of the old block are keys and do not change. One is *placed* once its split is known;
    until then it is open. `variants` holds the new values that stand for it, by split.
    """

    def __init__(self, function: func.FuncOp, rectangle: Rectangle) -> None:
        self.function = function
        self.rectangle = rectangle
        self.old = function.body.block
        self.new = Block(arg_types=[argument.type for argument in self.old.args])
        self.placed: dict[SSAValue, Split] = {}
        self.variants: dict[tuple[SSAValue, Split], SSAValue] = {}
        self.used: set[BlockArgument] = set()
        self.names = _argument_names(function)
        self.attributes = _argument_attributes(function)

    def run(self) -> None:
        """Place everything, in order, and give the function its new body."""
        for argument in self.old.args:
            layout = _explicit_layout(argument)
            if layout is not None:
                self.placed[argument] = split = self.explicit_split(layout)
                self.variants[argument, split] = self.first_argument(argument, split)
        for op in self.old.ops:
            if isinstance(op, func.ReturnOp):
                self.new.add_op(func.ReturnOp(*map(self.result, op.operands)))
            elif not self.can_wait(op):
                assert isinstance(op, PyFlameOp)
                self.decide(op)
        for argument in self.old.args:
            if argument not in self.used:
                self.first_argument(argument, self.natural(argument))
        self.replace_body()

    def can_wait(self, op: Operation) -> bool:
        """Whether `op` may take whatever layout its consumer wants.

        So do constants, which every PE can make, and masks, which are made where they are used.
        """
        if type(op) not in PULL:
            return False
        assert isinstance(op, PyFlameOp)
        if op.has_trait(ConstantLike) or op.spec.dtype == bool_:
            return True
        return _explicit_layout(op.result) is None and not any(
            operand in self.placed for operand in op.operands
        )

    def decide(self, op: PyFlameOp) -> None:
        """Make and place the result of `op`; its operands come as it wants them."""
        rule = FORWARD.get(type(op), forward_default)
        choice = rule(op, [self.placed.get(v) for v in op.operands], self.rectangle)
        operands = list(map(self.in_layout, op.operands, choice.operands))
        made = self.copy(op, operands, choice.result)
        self.variants[op.result, choice.result] = made
        self.placed[op.result] = choice.result
        explicit = _explicit_layout(op.result)
        if explicit is not None:
            split = self.explicit_split(explicit)
            self.in_layout(op.result, split)
            self.placed[op.result] = split

    def result(self, value: SSAValue) -> SSAValue:
        """A result of the function: where it was computed, or naturally if nobody cared."""
        return self.in_layout(value, self.placed.get(value, self.natural(value)))

    def in_layout(self, value: SSAValue, split: Split) -> SSAValue:
        """The new value that stands for `value` cut by `split`: what there is, a copy of what
        makes it, or its redistribution."""
        pending = [(value, split)]
        while pending:
            missing = self.missing(*pending[-1])
            if not missing:
                pending.pop()
            pending.extend(missing)
        return self.variants[value, split]

    def missing(self, value: SSAValue, split: Split) -> list[_Wish]:
        """Enter `value` cut by `split` into `variants`, or say what must be there first."""
        if (value, split) in self.variants:
            return []
        if value in self.placed:
            made = self.variants[value, self.placed[value]]
            self.variants[value, split] = self.redistributed(made, split)
            return []
        if isinstance(value, BlockArgument):
            self.variants[value, split] = self.argument(value, split)
            return []
        assert isinstance(value.owner, PyFlameOp)
        return self.missing_for(value.owner, split)

    def missing_for(self, op: PyFlameOp, split: Split) -> list[_Wish]:
        """Copy a waiting op with its result cut by `split`, or say what must be there first."""
        operands, result = PULL[type(op)](op, split), split
        if operands is None:
            choice = FORWARD[type(op)](op, [None] * len(op.operands), self.rectangle)
            operands, result = choice.operands, choice.result
        wishes = list(zip(op.operands, operands, strict=True))
        missing = [wish for wish in wishes if wish not in self.variants]
        if missing:
            return missing
        if (op.result, result) not in self.variants:
            made = self.copy(op, [self.variants[wish] for wish in wishes], result)
            self.variants[op.result, result] = made
        if result != split:
            made = self.variants[op.result, result]
            self.variants[op.result, split] = self.redistributed(made, split)
        return []

    def argument(self, value: BlockArgument, split: Split) -> SSAValue:
        """An open argument cut by `split`; a second layout makes a second argument."""
        if value not in self.used:
            return self.first_argument(value, split)
        added = self.new.insert_arg(self.type_of(value, split), len(self.new.args))
        added.name_hint = value.name_hint
        self.names.append(self.names[value.index])
        self.attributes.append(self.attributes[value.index])
        return added

    def first_argument(self, value: BlockArgument, split: Split) -> SSAValue:
        """The new argument in the place of `value`."""
        self.used.add(value)
        new = self.new.args[value.index]
        new.name_hint = value.name_hint
        return Rewriter.replace_value_with_new_type(new, self.type_of(value, split))

    def copy(self, op: PyFlameOp, operands: Sequence[SSAValue], split: Split) -> SSAValue:
        """`op` on new operands, its result cut by `split`."""
        made = type(op).create(
            operands=operands,
            result_types=[self.type_of(op.result, split)],
            properties=op.properties,
            attributes=op.attributes,
            location=op.location,
        )
        made.results[0].name_hint = op.result.name_hint
        self.new.add_op(made)
        return made.results[0]

    def redistributed(self, value: SSAValue, split: Split) -> SSAValue:
        op = RedistributeOp(value, self.layout(split))
        op.result.name_hint = value.name_hint
        self.new.add_op(op)
        return op.result

    def natural(self, value: SSAValue) -> Split:
        return self.rectangle.natural(spec_of(value.type).shape)

    def explicit_split(self, layout: LayoutAttr) -> Split:
        """The cuts of a layout that was given; on a single PE nothing is cut."""
        if layout.rectangle == (1, 1):
            return (None,) * len(layout.split)
        return self.rectangle.canonical(layout.split)

    def layout(self, split: Split) -> LayoutAttr:
        return LayoutAttr.get(self.rectangle.rows, self.rectangle.cols, split)

    def type_of(self, value: SSAValue, split: Split) -> TensorType[Attribute]:
        type = value.type
        assert isinstance(type, TensorType)
        return TensorType(type.get_element_type(), type.get_shape(), self.layout(split))

    def replace_body(self) -> None:
        """The new block, function type and argument attributes take the place of the old."""
        body = self.function.body
        body.detach_block(self.old)
        self.old.erase()
        body.add_block(self.new)
        self.function.update_function_type()
        self.function.properties["arg_attrs"] = ArrayAttr(
            DictionaryAttr({**attributes.data, ARGUMENT_NAME: StringAttr(name)})
            for attributes, name in zip(self.attributes, self.names, strict=True)
        )


def _argument_attributes(function: func.FuncOp) -> list[DictionaryAttr]:
    if function.arg_attrs is None:
        return [DictionaryAttr({}) for _ in function.args]
    return list(function.arg_attrs)


def _argument_names(function: func.FuncOp) -> list[str]:
    """A name of its own for every argument: its `pyflame.name`, or ``arg0`` … by position."""
    names: list[str] = []
    for index, attributes in enumerate(_argument_attributes(function)):
        given = attributes.data.get(ARGUMENT_NAME)
        base = given.data if isinstance(given, StringAttr) else f"arg{index}"
        name, count = base, 1
        while name in names:
            name, count = f"{base}_{count}", count + 1
        names.append(name)
    return names
