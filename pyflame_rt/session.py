"""Inference sessions: ONNX Runtime's interface on PyFlame's levels."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyflame.dtypes import DType
from pyflame.errors import DTypeError, Gap, PyFlameError, ShapeError, UnsupportedError
from pyflame.runtime.interpreters.tensor import TensorInterpreter
from pyflame.runtime.interpreters.tensor.engine import find_function, run_function
from pyflame_rt.importer import ImportedModel, ModelInput, OnnxModel
from pyflame_rt.importer.node import ValueNeeded

_Key = tuple[tuple[tuple[int, ...], ...], tuple[bytes, ...]]

if TYPE_CHECKING:
    from pyflame.compiler.csl import CodeGenOptions, CodeGenResult

PROVIDERS = ("CPUExecutionProvider",)
"""What a session can run on; `InferenceSession.compile_to_csl` is the way to the wafer."""

_TYPE_STRINGS = {
    "float32": "float", "float64": "double", "float16": "float16", "bfloat16": "bfloat16",
    "bool_": "bool",
}  # fmt: skip


@dataclass(frozen=True)
class NodeArg:
    """An input or output of a model, with ONNX Runtime's fields.

    `shape` has integers and, for symbolic dimensions, their names; `type` reads ``tensor(float)``.
    """

    name: str
    shape: list[int | str]
    type: str

    @staticmethod
    def of(declared: ModelInput) -> NodeArg:
        """The record of a declared input or output."""
        name = _TYPE_STRINGS.get(declared.dtype.name, declared.dtype.name)
        return NodeArg(declared.name, list(declared.shape), f"tensor({name})")


@dataclass
class SessionOptions:
    """Options of a session.

    Attributes:
        max_shapes: How many sets of input shapes keep their imported module (least recently
            used goes first). A model whose dimensions are all fixed needs one.
        memory_limit_mb: Bound on the memory of one run's tensors, in MiB.
    """

    max_shapes: int = 8
    memory_limit_mb: int = 4096


class InferenceSession:
    """A model, ready to run.

    ```python
    session = InferenceSession("model.onnx")
    outputs = session.run(None, {"input": array})
    ```

    Symbolic dimensions take their sizes from the arrays of a run: each set of shapes is imported
    once and kept.

    Args:
        path_or_bytes: A file, or the serialised model itself.
        sess_options: See `SessionOptions`.
        providers: Execution providers in order of preference; see `PROVIDERS`.
        input_shapes: Sizes of inputs by name, to import at once instead of at the first run.

    Raises:
        InvalidModelError: not a valid model.
        UnsupportedError: operators or providers that are not supported; all are listed.
    """

    def __init__(
        self,
        path_or_bytes: str | os.PathLike[str] | bytes,
        sess_options: SessionOptions | None = None,
        providers: Sequence[str | tuple[str, dict[str, Any]]] | None = None,
        *,
        input_shapes: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self._options = sess_options or SessionOptions()
        self._check_providers(providers or PROVIDERS)
        self._model = _load(path_or_bytes)
        self._modules: OrderedDict[_Key, _Specialised] = OrderedDict()
        self._value_inputs: list[str] = []
        fixed = all(isinstance(n, int) for i in self._model.inputs for n in i.shape)
        if input_shapes is not None or fixed:
            with suppress(ValueNeeded):  # then the first run has it
                self._specialise(input_shapes or {})

    @staticmethod
    def _check_providers(providers: Sequence[str | tuple[str, dict[str, Any]]]) -> None:
        names = [p if isinstance(p, str) else p[0] for p in providers]
        if not set(names) & set(PROVIDERS):
            raise UnsupportedError(
                [Gap(f"execution provider {name!r}") for name in names],
                f"available: {', '.join(PROVIDERS)}; compile_to_csl() is the way to the wafer",
            )

    @classmethod
    def from_onnx(cls, path_or_bytes: str | os.PathLike[str] | bytes, **kwargs: Any):
        """A session on an ONNX model; the same as the constructor."""
        return cls(path_or_bytes, **kwargs)

    def get_inputs(self) -> list[NodeArg]:
        """The inputs that a run must be fed."""
        return [NodeArg.of(declared) for declared in self._model.inputs]

    def get_outputs(self) -> list[NodeArg]:
        """The outputs that a run gives."""
        return [NodeArg.of(declared) for declared in self._model.outputs]

    def get_providers(self) -> list[str]:
        """What this session runs on."""
        return list(PROVIDERS)

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        run_options: None = None,
    ) -> list[np.ndarray]:
        """Run the model.

        Args:
            output_names: Outputs to return, in that order; None or empty for all.
            input_feed: One array per input, of its element type.
            run_options: Accepted for compatibility with ONNX Runtime; must be None.

        Raises:
            PyFlameError: names, element types or shapes do not fit; the message has the signature.
        """
        if run_options is not None:
            raise UnsupportedError("run options")
        names = [declared.name for declared in self._model.outputs]
        if unknown := [n for n in output_names or () if n not in names]:
            raise PyFlameError(f"output {unknown[0]!r} is none of {', '.join(map(repr, names))}")
        feeds = self._checked(input_feed)
        module = self._specialise({name: array.shape for name, array in feeds.items()}, feeds)
        results = dict(zip(names, module.run(feeds), strict=True))
        return [results[name] for name in output_names or names]

    def to_module(self, input_shapes: Mapping[str, Sequence[int]] | None = None) -> ImportedModel:
        """The model as a `pyflame` module with its weights, at the given input shapes."""
        return self._model.to_module(input_shapes)

    def compile_to_csl(
        self,
        options: CodeGenOptions | None = None,
        *,
        input_shapes: Mapping[str, Sequence[int]] | None = None,
        inputs: Mapping[str, np.ndarray] | None = None,
    ) -> CodeGenResult:
        """Compile the model to a CSL program, its weights saved beside it.

        Args:
            options: Where to, for which target and rectangle; see `pyflame.CodeGenOptions`.
            input_shapes: Sizes of symbolic inputs, where `inputs` does not give them.
            inputs: Arrays to save beside the program, with the reference's outputs.
        """
        from pyflame.compiler.csl import CodeGenOptions, compile_module

        shapes = dict(input_shapes or {})
        shapes |= {name: np.shape(array) for name, array in (inputs or {}).items()}
        model = self.to_module(shapes)
        data = {**model.weights, **(inputs or {})}
        return compile_module(model.module, options or CodeGenOptions(), inputs=data)

    def _checked(self, feed: Mapping[str, Any]) -> dict[str, np.ndarray]:
        declared = {entry.name: entry for entry in self._model.inputs}
        missing = [name for name in declared if name not in feed]
        extra = [name for name in feed if name not in declared]
        if missing or extra:
            parts = [f"missing {', '.join(map(repr, missing))}"] if missing else []
            parts += [f"unknown {', '.join(map(repr, extra))}"] if extra else []
            signature = ", ".join(f"{a.name!r}: {a.type} {a.shape}" for a in self.get_inputs())
            raise PyFlameError(f"input_feed: {'; '.join(parts)}; the model takes {signature}")
        return {name: _array(feed[name], entry) for name, entry in declared.items()}

    def _specialise(
        self, shapes: Mapping[str, Sequence[int]], feeds: Mapping[str, np.ndarray] | None = None
    ) -> _Specialised:
        """The module at `shapes`; inputs whose values decide shapes are part of its key."""
        bound = tuple(spec.shape for spec in self._model.bind(shapes))
        while True:
            values = {name: (feeds or {})[name] for name in self._value_inputs}
            key = (bound, tuple(v.tobytes() for v in values.values()))
            if key in self._modules:
                break
            try:
                module = self._model.to_module(shapes, values)
            except ValueNeeded as request:
                if feeds is None:
                    raise
                self._value_inputs.append(request.name)
                continue
            self._modules[key] = _Specialised(module, self._options.memory_limit_mb << 20)
            while len(self._modules) > max(1, self._options.max_shapes):
                self._modules.popitem(last=False)
        self._modules.move_to_end(key)
        return self._modules[key]


class _Specialised:
    """A model at one set of input shapes, with an interpreter that is kept."""

    def __init__(self, model: ImportedModel, max_bytes: int) -> None:
        self.model = model
        self.interpreter = TensorInterpreter(model.module, max_bytes)
        self.function = find_function(model.module, "main")
        self.weights = tuple(model.weights.values())

    def run(self, feeds: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        arguments = [feeds[name] for name in self.model.input_names]
        return run_function(self.interpreter, self.function, (*arguments, *self.weights))


def _load(source: str | os.PathLike[str] | bytes) -> OnnxModel:
    if isinstance(source, bytes):
        return OnnxModel.from_bytes(source)
    if Path(source).suffix == ".pfm":
        raise UnsupportedError(f"{source}: the .pfm format", "give an .onnx model")
    return OnnxModel.load(source)


def _array(value: Any, declared: ModelInput) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype != declared.dtype.numpy:
        raise DTypeError(
            f"input {declared.name!r} has element type {_name(declared.dtype)}, "
            f"got {array.dtype.name}; convert it with .astype({declared.dtype.numpy.name!r})"
        )
    if array.ndim != len(declared.shape):
        raise ShapeError(
            f"input {declared.name!r} has shape {list(declared.shape)}, got {list(array.shape)}"
        )
    return array


def _name(dtype: DType) -> str:
    return dtype.numpy.name
