"""Arrays that the tools read and write: inputs in .npz files, weights in .safetensors files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType
from xdsl.dialects.func import FuncOp

from pyflame.cli.common import UsageError, write_file
from pyflame.dtypes import DType, from_mlir
from pyflame.errors import PyFlameError

NAME, WEIGHT = "pyflame.name", "pyflame.weight"
"""Argument attributes: the name of an argument, and that it is a weight."""

MOST_BYTES = 8 << 30
"""Bytes that the arrays of one file may have."""


@dataclass(frozen=True)
class Argument:
    """An argument of the program: its name, shape and element type, and whether it is a weight."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    is_weight: bool

    def check(self, array: np.ndarray, source: str) -> None:
        """Refuse an array that does not fit.

        Raises:
            PyFlameError: names the argument, what it takes and what it was given.
        """
        if array.shape != self.shape or array.dtype != self.dtype.numpy:
            raise PyFlameError(
                f"{source}: error: argument {self.name!r} takes {self.dtype.name} of shape "
                f"{list(self.shape)}, got {array.dtype.name} of shape {list(array.shape)}"
            )


def arguments_of(module: ModuleOp) -> list[Argument]:
    """The arguments of the module's only function, or of ``main``.

    Raises:
        PyFlameError: there is no such function, or an argument is not a ranked static tensor.
    """
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp)}
    function = functions.get(
        "main", next(iter(functions.values())) if len(functions) == 1 else None
    )
    if function is None:
        names = ", ".join(functions) or "none"
        raise PyFlameError(f"the module needs one function, or one called main; it has: {names}")
    return [_argument(function, index) for index in range(len(function.body.block.args))]


def _argument(function: FuncOp, index: int) -> Argument:
    type = function.body.block.args[index].type
    attributes = function.arg_attrs.data[index].data if function.arg_attrs else {}
    name = attributes.get(NAME)
    text = name.data if isinstance(name, StringAttr) else f"arg{index}"
    if not isinstance(type, TensorType) or not type.has_static_shape():
        raise PyFlameError(f"argument {text!r} has type {type}; expected a tensor of fixed shape")
    return Argument(text, type.get_shape(), from_mlir(str(type.element_type)), WEIGHT in attributes)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name. Nothing in it is executed.

    Raises:
        PyFlameError: it cannot be read, or has over `MOST_BYTES` bytes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > MOST_BYTES:
                raise PyFlameError(f"{path}: error: {size} bytes of arrays; at most {MOST_BYTES}")
            return {name.removesuffix(".npy"): _read(archive, name) for name in archive.namelist()}
    except OSError as error:
        raise PyFlameError(f"{path}: error: cannot read this file: {error.strerror}") from error
    except (ValueError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise PyFlameError(f"{path}: error: this is no .npz file: {error}") from error


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(stream)
        if prod(shape) * dtype.itemsize > archive.getinfo(name).file_size:
            raise ValueError(f"array {name!r} has shape {list(shape)} but not as many bytes")
    with archive.open(name) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .safetensors file by name.

    Raises:
        PyFlameError: it cannot be read.
    """
    try:
        return load_file(path)
    except OSError as error:
        raise PyFlameError(f"{path}: error: cannot read this file: {error.strerror}") from error
    except SafetensorError as error:
        raise PyFlameError(f"{path}: error: this is no .safetensors file: {error}") from error


def write_weights(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a .safetensors file."""
    write_file(path, save({name: np.ascontiguousarray(w) for name, w in weights.items()}))


def chosen_inputs(
    module: ModuleOp, given: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray],
    seed: int | None, source: str,
) -> dict[str, np.ndarray]:  # fmt: skip
    """The arrays that go with a program: those given, its weights, and seeded ones for the rest.

    Without a `seed` the inputs that are not given stay open.

    Raises:
        UsageError: an array fits no argument's name, or a weight is missing.
        PyFlameError: an array does not fit its argument.
    """
    arguments = {argument.name: argument for argument in arguments_of(module)}
    if unknown := [name for name in given if name not in arguments]:
        known = ", ".join(map(repr, arguments)) or "none"
        raise UsageError(f"--inputs: {source} has no argument {unknown[0]!r}; it has: {known}")
    arrays = {**weights, **given}
    generator = np.random.default_rng(seed)
    chosen: dict[str, np.ndarray] = {}
    for name, argument in arguments.items():
        if name in arrays:
            argument.check(arrays[name], source)
            chosen[name] = arrays[name]
        elif argument.is_weight:
            raise UsageError(f"weight {name!r} of {source} is in no file; --weights names one")
        elif seed is not None:
            chosen[name] = _random(generator, argument)
    return chosen


def _random(generator: np.random.Generator, argument: Argument) -> np.ndarray:
    """Standard normal numbers, or whole numbers from 0 to 3 (0 to 1 for booleans)."""
    if argument.dtype.is_floating:
        return generator.standard_normal(argument.shape).astype(argument.dtype.numpy)
    high = 2 if argument.dtype.name == "bool_" else 4
    return generator.integers(0, high, argument.shape).astype(argument.dtype.numpy)
