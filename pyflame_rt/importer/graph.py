"""ONNX graph to one `pyflame` module: walk the nodes, look up converters, list all gaps at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr, UnitAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region, SSAValue

from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.spec import TensorSpec
from pyflame.dialects.pyflame.types import tensor_type
from pyflame.dtypes import DType, from_numpy_dtype
from pyflame.errors import Gap, InvalidModelError, PyFlameError, ShapeError, UnsupportedError
from pyflame_rt.importer.files import check_model, load_model, read_tensor
from pyflame_rt.importer.movement import constant_value
from pyflame_rt.importer.node import INLINE_ELEMENTS, Node, constant
from pyflame_rt.importer.registry import OLDEST_OPSET, find_converter

FOLD_ELEMENTS = 1 << 16
"""Known values up to this many elements are computed at import (shape arithmetic)."""


@dataclass(frozen=True)
class ModelInput:
    """An input or output as the model declares it: integers, or names of symbolic dimensions."""

    name: str
    dtype: DType
    shape: tuple[int | str, ...]


@dataclass
class ImportedModel:
    """A model at one set of input shapes.

    `module` holds ``func.func @main``; its arguments carry ``pyflame.name``, and those that are
    weights ``pyflame.weight`` too, with their values in `weights` under that name.
    """

    module: ModuleOp
    weights: dict[str, np.ndarray]
    inputs: list[TensorSpec]
    input_names: list[str]
    output_names: list[str]


class OnnxModel:
    """A checked ONNX model, ready to be imported at any input shapes its dimensions admit.

    Raises:
        InvalidModelError: the file is no valid model.
        UnsupportedError: operators without a converter; all of them are listed.
    """

    def __init__(self, model: onnx.ModelProto, folder: Path | None, name: str) -> None:
        if not model.HasField("graph") or not model.graph.output:
            raise InvalidModelError(f"{name}: the model has no graph with an output")
        self.proto = model
        self.name = name
        domains = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
        self.opset = domains.get("ai.onnx", 0)
        self._check_operators(domains)  # first: ONNX's checker stops at one unknown operator
        check_model(model, name)
        graph = model.graph
        self.initializers = {t.name: read_tensor(t, folder) for t in graph.initializer}
        self.inputs = [_declared(v) for v in graph.input if v.name not in self.initializers]
        self.outputs = [_declared(v) for v in graph.output]

    @staticmethod
    def load(path: str | os.PathLike[str]) -> OnnxModel:
        """The model in the file `path`."""
        return OnnxModel(load_model(path), Path(path).resolve().parent, str(path))

    @staticmethod
    def from_bytes(data: bytes, name: str = "model") -> OnnxModel:
        """The model serialised in `data`; external data is not available to it."""
        try:
            model = onnx.load_from_string(data)
        except Exception as error:
            raise InvalidModelError(f"{name}: not an ONNX model: {error}") from None
        return OnnxModel(model, None, name)

    def _check_operators(self, domains: Mapping[str, int]) -> None:
        gaps = []
        if self.opset < OLDEST_OPSET:
            gaps.append(
                Gap(f"ai.onnx opset {self.opset}", why=f"the oldest supported is {OLDEST_OPSET}")
            )
        counts: dict[tuple[str, str], list[str]] = {}
        for node in self.proto.graph.node:
            if node.op_type == "Constant" or _folded_only(node):
                continue
            if find_converter(node.domain, node.op_type, self.opset) is None:
                key = (node.domain or "ai.onnx", node.op_type)
                counts.setdefault(key, []).append(node.name or next(iter(node.output), ""))
        for (domain, op), nodes in sorted(counts.items()):
            version = domains.get(domain, "?")
            where = f"{len(nodes)} node{'s' if len(nodes) > 1 else ''}, first {nodes[0]!r}"
            gaps.append(Gap(f"{domain}.{op} (opset {version})", where))
        if gaps:
            raise UnsupportedError(
                gaps, f"{self.name}: see pyflame_rt.supported_operators() for what there is"
            )

    def bind(self, shapes: Mapping[str, Sequence[int]]) -> list[TensorSpec]:
        """The inputs' specs at `shapes` (by input name), each checked against its declaration.

        Raises:
            ShapeError: a shape is missing or does not fit; dimensions of one name must agree.
        """
        bound: dict[str, tuple[int, str]] = {}
        specs = []
        for declared in self.inputs:
            shape = tuple(shapes.get(declared.name, ())) if declared.name in shapes else None
            if shape is None:
                if any(isinstance(n, str) for n in declared.shape):
                    raise ShapeError(
                        f"input {declared.name!r} has shape {list(declared.shape)}; "
                        f"give its size, as in input_shapes={{{declared.name!r}: [...]}}"
                    )
                shape = tuple(int(n) for n in declared.shape)
            self._fit(declared, shape, bound)
            specs.append(TensorSpec(shape, declared.dtype))
        return specs

    @staticmethod
    def _fit(
        declared: ModelInput, shape: tuple[int, ...], bound: dict[str, tuple[int, str]]
    ) -> None:
        wrong = len(shape) != len(declared.shape)
        for want, got in zip(declared.shape, shape, strict=False):
            if isinstance(want, int):
                wrong |= want != got
            elif want and bound.setdefault(want, (got, declared.name))[0] != got:
                size, name = bound[want]
                raise ShapeError(
                    f"input {declared.name!r}: dimension {want!r} is {got}, "
                    f"but {size} in input {name!r}"
                )
        if wrong:
            raise ShapeError(
                f"input {declared.name!r} has shape {list(declared.shape)}, got {list(shape)}"
            )

    def to_module(
        self,
        shapes: Mapping[str, Sequence[int]] | None = None,
        values: Mapping[str, np.ndarray] | None = None,
    ) -> ImportedModel:
        """The model as a `pyflame` module at the given input shapes.

        `values` are inputs that become part of the module, because their values decide shapes
        (the axes of a reduction, the shape of a reshape).

        Raises:
            ShapeError: shapes do not fit.
            ValueNeeded: an input must be among `values`.
            UnsupportedError: all nodes that cannot be converted, with the reasons.
        """
        return GraphImporter(self, self.bind(shapes or {}), values or {}).run()


class GraphImporter:
    """One conversion in progress."""

    def __init__(
        self, model: OnnxModel, specs: Sequence[TensorSpec], values: Mapping[str, np.ndarray]
    ) -> None:
        self.model = model
        self.opset = model.opset
        bound = {i.name: s for i, s in zip(model.inputs, specs, strict=True)}
        arguments = {name: spec for name, spec in bound.items() if name not in values}
        self.input_names = list(arguments)
        self.specs = list(arguments.values())
        self.known: dict[str, np.ndarray] = {**model.initializers, **values}
        self.weights: dict[str, np.ndarray] = {}
        self.block = Block(arg_types=[tensor_type(spec) for spec in self.specs])
        self.values: dict[str, SSAValue] = {}
        for name, argument in zip(arguments, self.block.args, strict=True):
            argument.name_hint = _identifier(name)
            self.values[name] = argument

    def emit(self, op: PyFlameOp) -> SSAValue:
        """Append an op and return its result."""
        self.block.add_op(op)
        return op.results[0]

    def value(self, name: str) -> SSAValue:
        """A tensor by its ONNX name; a known array becomes a constant or a weight argument."""
        if name not in self.values:
            array = self.known[name]
            if array.size <= INLINE_ELEMENTS and name not in self.model.initializers:
                self.values[name] = self.emit(constant(array))
            else:
                self.values[name] = self._weight(name, array)
        return self.values[name]

    def _weight(self, name: str, array: np.ndarray) -> SSAValue:
        spec = TensorSpec(array.shape, from_numpy_dtype(array.dtype))
        argument = self.block.insert_arg(tensor_type(spec), len(self.block.args))
        argument.name_hint = _identifier(name)
        self.weights[name] = array
        return argument

    def run(self) -> ImportedModel:
        """Convert every node; raise all gaps together."""
        gaps: list[Gap] = []
        lost: set[str] = set()
        for proto in self.model.proto.graph.node:
            if lost.intersection(proto.input):
                lost.update(proto.output)
                continue
            try:
                self._convert(proto)
            except UnsupportedError as error:
                gaps += [Gap(g.what, _place(proto), g.why) for g in error.gaps]
                lost.update(proto.output)
            except PyFlameError as error:
                gaps.append(Gap(proto.op_type, _place(proto), str(error)))
                lost.update(proto.output)
        if gaps:
            raise UnsupportedError(gaps, f"in {self.model.name}")
        return self._finish()

    def _convert(self, proto: onnx.NodeProto) -> None:
        node = Node(proto, self)
        folded = self._folded(node)
        if folded is not None:
            self.known.update(folded)
            return
        converter = find_converter(proto.domain, proto.op_type, self.opset)
        if converter is None:
            raise UnsupportedError(Gap(proto.op_type, why="its inputs are not all known at import"))
        results = converter(node)
        if isinstance(results, SSAValue):
            results = [results]
        names = [name for name in proto.output if name]
        if len(names) > len(results):
            raise UnsupportedError(Gap(f"{proto.op_type} with {len(names)} outputs"))
        for name, value in zip(names, results, strict=False):
            value.name_hint = value.name_hint or _identifier(name)
            self.values[name] = value

    def _folded(self, node: Node) -> dict[str, np.ndarray] | None:
        """The node's outputs where they can be known now: constants and shape arithmetic."""
        proto = node.proto
        if proto.op_type == "Constant":
            return {proto.output[0]: constant_value(node)}
        if proto.op_type in ("Shape", "Size"):
            return self._evaluate(proto, {proto.input[0]: _placeholder(node.spec(0))})
        names = [name for name in proto.input if name]
        if proto.attribute and any(a.HasField("g") for a in proto.attribute):
            return None
        if not all(name in self.known for name in names):
            return None
        weights = set(names) & self.model.initializers.keys()
        if any(self.known[n].size > INLINE_ELEMENTS for n in weights):
            return None
        if sum(self.known[n].size for n in names) > FOLD_ELEMENTS:
            return None
        return self._evaluate(proto, {n: self.known[n] for n in names})

    def _evaluate(
        self, proto: onnx.NodeProto, feeds: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray] | None:
        if proto.op_type in ("ConstantOfShape", "Expand", "Tile", "Range"):
            sizes = [v for v in feeds.values() if v.dtype.kind in "iu" and v.size <= 8]
            if any(np.prod(v.astype(float).clip(1)) > FOLD_ELEMENTS * 1024 for v in sizes):
                raise UnsupportedError(Gap(f"{proto.op_type} of that size"))
        try:
            results = ReferenceEvaluator(proto, opsets={"": self.opset}).run(None, feeds)
        except Exception as error:  # the evaluator raises whatever its NumPy code raises
            raise InvalidModelError(f"cannot evaluate: {error}") from None
        if any(not isinstance(r, np.ndarray | np.generic) for r in results):
            return None
        return {n: np.asarray(r) for n, r in zip(proto.output, results, strict=False) if n}

    def _finish(self) -> ImportedModel:
        outputs = []
        for declared in self.model.outputs:
            if declared.name not in self.values and declared.name not in self.known:
                raise InvalidModelError(f"output {declared.name!r} is not computed by any node")
            outputs.append(self.value(declared.name))
        self.block.add_op(ReturnOp(*outputs))
        names = [*self.input_names, *self.weights]
        function = FuncOp(
            "main",
            (list(self.block.arg_types), [value.type for value in outputs]),
            Region(self.block),
        )
        function.arg_attrs = _argument_attributes(names, len(self.input_names))
        module = ModuleOp([function])
        return ImportedModel(
            module,
            self.weights,
            self.specs,
            self.input_names,
            [v.name for v in self.model.outputs],
        )


def _argument_attributes(names: Sequence[str], first_weight: int) -> ArrayAttr[DictionaryAttr]:
    rows: list[DictionaryAttr] = []
    for i, name in enumerate(names):
        entry: dict[str, Attribute] = {"pyflame.name": StringAttr(name)}
        if i >= first_weight:
            entry["pyflame.weight"] = UnitAttr()
        rows.append(DictionaryAttr(entry))
    return ArrayAttr(rows)


def _declared(value: onnx.ValueInfoProto) -> ModelInput:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        raise UnsupportedError(Gap(f"{value.name!r}: sequences, maps and optionals"))
    dtype = from_numpy_dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    shape = tuple(
        d.dim_value if d.HasField("dim_value") else (d.dim_param or f"{value.name}.{i}")
        for i, d in enumerate(kind.shape.dim)
    )
    return ModelInput(value.name, dtype, shape)


def _folded_only(node: onnx.NodeProto) -> bool:
    return node.op_type in ("Shape", "Size", "ConstantOfShape", "Range", "Gather", "Tile")


def _placeholder(spec: TensorSpec) -> np.ndarray:
    return np.broadcast_to(np.zeros((), spec.dtype.numpy), spec.shape)


def _place(proto: onnx.NodeProto) -> str:
    return f"node {proto.name or proto.output[0]!r}"


def _identifier(name: str) -> str | None:
    text = "".join(c if c.isalnum() and c.isascii() else "_" for c in name).strip("_")
    return text if text and not text[0].isdigit() else (f"v{text}" if text else None)
