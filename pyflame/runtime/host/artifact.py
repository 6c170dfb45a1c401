"""The directory that a compile leaves behind, written and read.

`out.json` is what host scripts read: `params` and `colors` as strings, and facts about the
program. `program.json` and `program.npz` hold the program for our own runtime: no pickle, a
version, a digest, bounded sizes, everything checked on reading.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pyflame.errors import InvalidModelError, LimitError
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.verify import verify_stored
from pyflame.runtime.host.codec import ELEMENT_TYPES, ArrayPool, Decoder, encode

FORMAT = "pyflame-program"
VERSION = 3
METADATA = "out.json"
PROGRAM = "program.json"
ARRAYS = "program.npz"
MAX_JSON_BYTES = 256 << 20
MAX_ARRAY_BYTES = 4 << 30
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_artifact(
    directory: Path, program: Program, *, colors: Mapping[str, str] | None = None
) -> None:
    """Write `program` to `directory`, which is made if need be; equal programs give equal bytes.

    Raises:
        OSError: the directory cannot be written; no file is left half written.
    """
    pool = ArrayPool()
    body = encode(program, pool)
    arrays = _pack(pool.arrays())
    head = {
        "format": FORMAT,
        "version": VERSION,
        "sha256": hashlib.sha256(arrays).hexdigest(),
        "program": body,
    }
    directory.mkdir(parents=True, exist_ok=True)
    _replace(directory / ARRAYS, arrays)
    _replace(directory / PROGRAM, _json(head, None))
    _replace(directory / METADATA, _json(_metadata(program, colors or {}), 2))


def read_artifact(directory: Path) -> Program:
    """Read the program in `directory`.

    Raises:
        InvalidModelError: there is none, or its files are damaged or of another version.
        LimitError: a file is larger than this reader takes.
    """
    where = directory / PROGRAM
    if not where.is_file():
        raise InvalidModelError(
            f"{str(directory)!r} holds no compiled program ({PROGRAM} is missing); "
            "compile it with pyflame-cslc -o first"
        )
    head = _parse(_read(where, MAX_JSON_BYTES), str(where))
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise InvalidModelError(f"{where} is not a compiled program of PyFlame")
    if head.get("version") != VERSION:
        raise InvalidModelError(
            f"{where} has format version {head.get('version')!r}; this PyFlame reads "
            f"{VERSION}: compile the program again"
        )
    content = _read(directory / ARRAYS, MAX_ARRAY_BYTES)
    if hashlib.sha256(content).hexdigest() != head.get("sha256"):
        raise InvalidModelError(
            f"{directory / ARRAYS} does not belong to {where} (digests differ); "
            "compile the program again"
        )
    decoder = Decoder(_unpack(content, directory / ARRAYS), str(where))
    program: Program = decoder.decode(Program, head.get("program"), "program")
    verify_stored(program, str(where))
    return program


def _metadata(program: Program, colors: Mapping[str, str]) -> dict[str, Any]:
    return {
        "params": dict(program.params),
        "colors": dict(colors),
        "arch": program.arch,
        "rectangle": {"width": program.width, "height": program.height},
        "fabric_dims": list(program.fabric),
        "fabric_offsets": list(program.offsets),
        "symbols": [
            {"id": i, "name": name, "kind": "function" if is_fn else "variable", "type": text}
            for i, (name, (is_fn, text)) in enumerate(program.exports.items())
        ],
        "streaming": dict(program.streaming),
    }


def _json(value: Any, indent: int | None) -> bytes:
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)
    return (text + "\n").encode()


def _replace(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and move it there, so that no reader sees a part."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise InvalidModelError(f"{path} is missing; compile the program again") from None
    if len(content) > limit:
        raise LimitError(f"{path} is larger than {limit} bytes (a limit of this reader)")
    return content


def _parse(content: bytes, where: str) -> Any:
    def unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in pairs:
            if key in result:
                raise InvalidModelError(f"{where}: the key {key!r} stands twice in one object")
            result[key] = value
        return result

    try:
        return json.loads(content.decode(), object_pairs_hook=unique)
    except RecursionError:
        raise InvalidModelError(f"{where} nests deeper than a program does") from None
    except ValueError as error:
        if isinstance(error, InvalidModelError):
            raise
        raise InvalidModelError(f"{where} is not JSON: {error}") from None


def _pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A .npz of `arrays` whose bytes depend on nothing but them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            np.lib.format.write_array(member, little, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue())
    return buffer.getvalue()


def _unpack(content: bytes, where: Path) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                # Stored members cannot be larger than the file: no bombs.
                if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(content):
                    raise InvalidModelError(f"{where}: the member {info.filename!r} is compressed")
                if name not in ELEMENT_TYPES or name in arrays:
                    raise InvalidModelError(f"{where} has an unexpected member {info.filename!r}")
                what = f"{where}: the member {info.filename!r}"
                arrays[name] = _member(archive.read(info), name, what)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        if isinstance(error, InvalidModelError):
            raise
        raise InvalidModelError(f"{where} is damaged: {error}") from None
    return arrays


def _member(content: bytes, name: str, what: str) -> np.ndarray:
    """The flat array of a member, of element type `name`; its size is checked before it is made."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise InvalidModelError(f"{what} is of another version than 1.0 of the format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype != np.dtype(name) or len(shape) != 1:
        raise InvalidModelError(
            f"{what} holds {dtype} with {len(shape)} axes; expected {name} with 1"
        )
    data = content[file.tell() :]
    if len(data) != shape[0] * dtype.itemsize:
        raise InvalidModelError(f"{what} has {len(data)} bytes of data; its header says {shape[0]}")
    return np.frombuffer(data, dtype).copy()
