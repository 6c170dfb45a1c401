"""A tensor module made ready for the road: names for the host, data for what only the host knows.

The mesh takes no random numbers, ranges or large constants, nor integers. Such values are computed
here by the CPU reference, if they depend on no input or only on known ones of types that the mesh
does not take (the state of a random generator), and become arguments with a value. Everything else
stays in the program, even if all of its inputs are known.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    Float16Type,
    Float32Type,
    ModuleOp,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue
from xdsl.rewriter import Rewriter

from pyflame.dialects.mesh.attributes import ARGUMENT_NAME, LayoutAttr
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.creation import ArangeOp, ConstantOp, FullOp, RandomOp
from pyflame.runtime.interpreters.tensor.engine import (
    TensorInterpreter,
    find_function,
    run_function,
)


@dataclass
class Prepared:
    """A module and the values known for its arguments, by name.

    `arguments` and `results` are the names of the function's arguments (those added here last)
    and results.
    """

    module: ModuleOp
    arguments: list[str]
    results: list[str]
    values: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every argument has a value."""
        return all(name in self.values for name in self.arguments)


def prepare(module: ModuleOp, inputs: Mapping[str, np.ndarray] | None = None) -> Prepared:
    """A copy of a tensor module with named arguments and results, its constants folded.

    `module` may be at any level where it is functions on tensors; only the tensor level folds.
    """
    copy = module.clone()
    function = find_function(copy, None)
    values = dict(inputs or {})
    declared = _names(function.arg_attrs, len(function.args), "arg")
    function.properties["arg_attrs"] = _with_names(function.arg_attrs, declared)
    values.update(_fold(function, declared, values))
    function.update_function_type()
    arguments = _names(function.arg_attrs, len(function.args), "arg")
    for name in set(declared).difference(arguments):
        del values[name]
    results = _names(function.res_attrs, len(function.function_type.outputs), "result")
    function.properties["arg_attrs"] = _with_names(function.arg_attrs, arguments)
    function.properties["res_attrs"] = _with_names(function.res_attrs, results)
    return Prepared(copy, arguments, results, values)


def _names(attributes: ArrayAttr[DictionaryAttr] | None, count: int, prefix: str) -> list[str]:
    names: list[str] = []
    for index in range(count):
        known = attributes is not None and index < len(attributes)
        name = attributes.data[index].data.get(ARGUMENT_NAME) if known and attributes else None
        names.append(name.data if isinstance(name, StringAttr) else f"{prefix}{index}")
    return names


def _with_names(
    attributes: ArrayAttr[DictionaryAttr] | None, names: list[str]
) -> ArrayAttr[DictionaryAttr]:
    old = [row.data for row in attributes] if attributes is not None else []
    old += [{}] * (len(names) - len(old))
    return ArrayAttr(
        DictionaryAttr({**row, ARGUMENT_NAME: StringAttr(name)})
        for row, name in zip(old, names, strict=True)
    )


# Folding


def _fold(
    function: func.FuncOp, taken: list[str], values: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Turn what only the host can compute into arguments; their data by name.

    Arguments that nothing needs afterwards are dropped.
    """
    block = function.body.block
    hosted = {
        argument: values[name]
        for name, argument in zip(taken, function.args, strict=True)
        if name in values and not _on_mesh(argument.type)
    }
    computed = _host_computed(block, hosted)
    wanted = [
        value
        for op in computed
        if not _stays(op)
        for value in op.results
        if any(use.operation not in computed for use in value.uses)
    ]
    if not wanted:
        return {}
    arrays = _compute(computed, wanted, hosted)
    folded: dict[str, np.ndarray] = {}
    names = list(taken)
    for value, array in zip(wanted, arrays, strict=True):
        name = _fresh(f"constant{len(folded)}", names)
        names.append(name)
        folded[name] = array
        argument = block.insert_arg(value.type, len(block.args))
        value.replace_all_uses_with(argument)
    attributes = [*(function.arg_attrs or [DictionaryAttr({})] * len(taken))]
    attributes += [DictionaryAttr({ARGUMENT_NAME: StringAttr(name)}) for name in folded]
    function.properties["arg_attrs"] = ArrayAttr(attributes)
    for op in reversed(list(computed)):
        if not any(result.uses for result in op.results):
            op.detach()
            op.erase()
    _drop(function, [argument for argument in hosted if not argument.uses])
    return folded


def _on_mesh(type: Attribute) -> bool:
    return isinstance(type, TensorType) and isinstance(type.element_type, Float16Type | Float32Type)


def _drop(function: func.FuncOp, arguments: Sequence[BlockArgument]) -> None:
    attributes = list(function.arg_attrs or [])
    for argument in sorted(arguments, key=lambda a: a.index, reverse=True):
        del attributes[argument.index]
        function.body.block.erase_arg(argument)
    function.properties["arg_attrs"] = ArrayAttr(attributes)


def _host_computed(block: Block, hosted: Container[SSAValue]) -> dict[Operation, None]:
    """The tensor ops of `block` that the mesh does not take and the host can compute, in order."""
    constants, found = set[Operation](), dict[Operation, None]()
    for op in block.ops:
        if not isinstance(op, PyFlameOp):
            continue
        owners = [None if value in hosted else value.owner for value in op.operands]
        if not all(owner is None or owner in found or owner in constants for owner in owners):
            continue
        types = (op.result.type, *op.operand_types)
        if isinstance(op, ArangeOp | RandomOp) or _is_large(op) or not all(map(_on_mesh, types)):
            found |= {owner: None for owner in owners if isinstance(owner, Operation)}
            found[op] = None
        elif isinstance(op, FullOp | ConstantOp):
            constants.add(op)
    return {op: None for op in block.ops if op in found}


def _is_large(op: Operation) -> bool:
    return isinstance(op, ConstantOp) and not op.value.is_splat()


def _stays(op: Operation) -> bool:
    """Constants of one value, which the mesh has."""
    return isinstance(op, FullOp | ConstantOp) and not _is_large(op) and _on_mesh(op.result.type)


def _compute(
    ops: dict[Operation, None],
    wanted: Sequence[SSAValue],
    hosted: Mapping[BlockArgument, np.ndarray],
) -> tuple[np.ndarray, ...]:
    """The values of `wanted`, results of `ops` on `hosted`, by the CPU reference."""
    inputs = [argument.type for argument in hosted]
    body = Block(arg_types=inputs)
    values: dict[SSAValue, SSAValue] = dict(zip(hosted, body.args, strict=True))
    for op in ops:
        body.add_op(op.clone(values))
    body.add_op(func.ReturnOp(*(values[value] for value in wanted)))
    types = [value.type for value in wanted]
    module = ModuleOp([func.FuncOp("constants", (inputs, types), Region(body))])
    arguments = list(hosted.values())
    return run_function(TensorInterpreter(module), find_function(module, None), arguments)


def _fresh(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_"
    return name


# Layouts


def explicit_rectangle(module: ModuleOp) -> tuple[int, int] | None:
    """The rectangle that layouts in a module name, (rows, cols); a single PE fits any."""
    single = None
    for layout in _layouts(module):
        if layout.rectangle != (1, 1):
            return layout.rectangle
        single = layout.rectangle
    return single


def on_rectangle(module: ModuleOp, rows: int, cols: int) -> ModuleOp:
    """A copy of a tensor module whose layouts are on another rectangle, cut the same way."""
    copy = module.clone()
    for op in list(copy.walk()):
        for value in [*op.results, *(a for r in op.regions for b in r.blocks for a in b.args)]:
            if isinstance(value.type, TensorType) and isinstance(value.type.encoding, LayoutAttr):
                layout = LayoutAttr.get(rows, cols, value.type.encoding.split)
                type = TensorType(value.type.element_type, value.type.get_shape(), layout)
                Rewriter.replace_value_with_new_type(value, type)
        if isinstance(op, func.FuncOp):
            op.update_function_type()
    return copy


def _layouts(module: ModuleOp) -> list[LayoutAttr]:
    types: list[Attribute] = []
    for op in module.walk():
        types += op.result_types
        types += [a.type for region in op.regions for block in region.blocks for a in block.args]
    encodings = [type.encoding for type in types if isinstance(type, TensorType)]
    return [encoding for encoding in encodings if isinstance(encoding, LayoutAttr)]
