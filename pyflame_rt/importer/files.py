"""Reading an ONNX file that may be hostile: bounded, checked, external data kept in its folder."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, numpy_helper

from pyflame.errors import InvalidModelError, LimitError

MODEL_LIMIT_BYTES = 2 << 30
"""Largest .onnx file (protobuf itself cannot hold more); bigger weights go in external data."""
TENSOR_LIMIT_BYTES = 8 << 30
"""Largest single tensor."""


def load_model(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """The model in `path`, its external tensors not yet read; see `check_model`.

    Raises:
        InvalidModelError: the file is missing or no ONNX model.
        LimitError: the file is over `MODEL_LIMIT_BYTES`.
    """
    file = Path(path)
    size = 0
    try:
        size = file.stat().st_size
        if not file.is_file():
            raise InvalidModelError(f"{file}: not a file; expected an .onnx model")
        if size > MODEL_LIMIT_BYTES:
            raise LimitError(
                f"{file}: {size} bytes, over the limit of {MODEL_LIMIT_BYTES}; "
                "save the model with external data"
            )
        model = onnx.load(str(file), load_external_data=False)
    except OSError as error:
        raise InvalidModelError(f"{file}: {error.strerror or error}") from None
    except DecodeError:
        raise InvalidModelError(f"{file}: not an ONNX model, or cut short ({size} bytes)") from None
    return model


def check_model(model: onnx.ModelProto, name: str) -> None:
    """Run ONNX's own checker on a model's structure.

    Raises:
        InvalidModelError: the model breaks a rule of ONNX.
    """
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for tensor in bare.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            # Where external data lies is `read_tensor`'s business, and stricter there.
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]
            tensor.raw_data = b""
            tensor.dims[:] = [0]
    try:
        onnx.checker.check_model(bare)
    except Exception as error:  # the checker raises its own and several built-in types
        reason = str(error).strip().splitlines()[0]
        raise InvalidModelError(f"{name}: not a valid ONNX model: {reason}") from None


def read_tensor(tensor: TensorProto, folder: Path | None) -> np.ndarray:
    """The value of an initializer, from the model or from a file in `folder`.

    Raises:
        InvalidModelError: dimensions and data disagree, or the data lies outside `folder`.
        LimitError: the tensor is over `TENSOR_LIMIT_BYTES`.
    """
    name = tensor.name or "(unnamed)"
    if any(n < 0 for n in tensor.dims):
        raise InvalidModelError(f"tensor {name!r}: negative dimension in {list(tensor.dims)}")
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except (KeyError, TypeError):
        raise InvalidModelError(f"tensor {name!r}: unknown data type {tensor.data_type}") from None
    size = math.prod(tensor.dims) * max(1, dtype.itemsize)
    if size > TENSOR_LIMIT_BYTES:
        raise LimitError(f"tensor {name!r}: {size} bytes, over the limit of {TENSOR_LIMIT_BYTES}")
    if tensor.data_location == TensorProto.EXTERNAL:
        data = _read_external(tensor, folder, size)
        return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype).reshape(tensor.dims)
    try:
        return np.array(numpy_helper.to_array(tensor))
    except (ValueError, TypeError) as error:
        raise InvalidModelError(f"tensor {name!r}: dimensions and data disagree: {error}") from None


def _read_external(tensor: TensorProto, folder: Path | None, size: int) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    name, location = tensor.name, entries.get("location", "")
    if folder is None:
        raise InvalidModelError(f"tensor {name!r}: external data, but the model is not from a file")
    try:
        offset = int(entries.get("offset", 0))
        length = int(entries.get("length", size))
    except ValueError:
        raise InvalidModelError(f"tensor {name!r}: offset or length is not a number") from None
    if length != size:
        raise InvalidModelError(
            f"tensor {name!r}: dimensions need {size} bytes, length is {length}"
        )
    if offset < 0:
        raise InvalidModelError(f"tensor {name!r}: offset {offset} is negative")
    with _open_inside(folder, location, name) as file:
        available = os.fstat(file.fileno()).st_size
        if offset + length > available:
            raise InvalidModelError(
                f"tensor {name!r}: bytes {offset} to {offset + length} of {location!r}, "
                f"which has {available}"
            )
        file.seek(offset)
        return file.read(length)


def _open_inside(folder: Path, location: str, name: str):
    parts = Path(location).parts
    if not parts or Path(location).is_absolute() or ".." in parts or "\0" in location:
        raise InvalidModelError(
            f"tensor {name!r}: external data in {location!r}; expected a path inside the "
            "model's folder"
        )
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise InvalidModelError(f"tensor {name!r}: external data {location!r} is a link")
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise InvalidModelError(
            f"tensor {name!r}: external data {location!r}: {error.strerror}"
        ) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(descriptor)
        raise InvalidModelError(
            f"tensor {name!r}: external data {location!r} is not a plain file of its own"
        )
    return os.fdopen(descriptor, "rb")
