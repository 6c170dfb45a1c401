"""Compiled directories, spoiled: numbers, members and bytes of their files."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

from pyflame.runtime.host.artifact import ARRAYS, PROGRAM, read_artifact, write_artifact
from pyflame.runtime.host.streams import STREAMS
from tests.fuzz.mutate import changed_bytes

ODD = (
    -1, 0, 1, 2, 3, 7, 23, 24, 31, 255, 256, 32767, 49151, 49152, 65535, 65536, 2**31 - 1, 2**31,
    2**32, 2**39, 2**62, 2**63, 2**64, 10**30, -(2**31), -(2**63), 0.5, float("nan"), float("inf"),
    None, True, False, "", "x", "wse3", [], [[]], {}, {"a": 1}, ["int64", 0, 1], ["uint8", 0, 0],
    ["int32", 0, 2**20, 2**20],
)  # fmt: skip
"""Values that replace others in a file."""


def spoil(folder: Path, rng: random.Random) -> None:
    """Spoil one or two things in the compiled directory `folder`; digests are made anew."""
    for _ in range(rng.choice([1, 1, 2])):
        rng.choice(_WAYS)(folder, rng)


def _values(folder: Path, rng: random.Random) -> None:
    _edit(folder / PROGRAM, rng, rng.choice([1, 1, 3]))


def _streams(folder: Path, rng: random.Random) -> None:
    path = folder / STREAMS
    if not path.is_file():
        end = {"incoming": True, "at": [0, 0], "color": 4}
        path.write_text(json.dumps({"origin": [0, 0], "streams": {"a": end}}))
    if rng.random() < 0.5:
        _edit(path, rng, 1)
    else:
        path.write_bytes(changed_bytes(path.read_bytes(), rng))


def _words(folder: Path, rng: random.Random) -> None:
    """Change code and other arrays of the program, and write it again."""
    program = read_artifact(folder)
    arrays = [program.image_of, program.route_of]
    for image in program.images:
        arrays += [image.code, image.code, image.operands, image.memory]
    for _ in range(rng.choice([1, 1, 2, 4])):
        array = rng.choice(arrays)
        if array.size:
            values = [v for v in ODD if type(v) is int and abs(v) < 2**63]
            word = rng.choice([*values, int(array.flat[rng.randrange(array.size)])])
            array.flat[rng.randrange(array.size)] = word % (1 << 8 * array.itemsize - 1)
    write_artifact(folder, program)


def _bytes(folder: Path, rng: random.Random) -> None:
    name = rng.choice([PROGRAM, ARRAYS, ARRAYS])
    content = changed_bytes((folder / name).read_bytes(), rng)
    (folder / name).write_bytes(content)
    if name == ARRAYS and rng.random() < 0.9:
        _stamp(folder, content)


def _stamp(folder: Path, content: bytes) -> None:
    try:
        head = json.loads((folder / PROGRAM).read_bytes())
        head["sha256"] = hashlib.sha256(content).hexdigest()
    except (ValueError, TypeError):
        return
    (folder / PROGRAM).write_text(json.dumps(head))


_WAYS = (_values, _values, _values, _words, _words, _bytes, _streams)


def _edit(path: Path, rng: random.Random, count: int) -> None:
    """Replace, exchange, remove or repeat members of a JSON file."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return
    for _ in range(count):
        places = list(_places(content))
        if not places:
            return
        holder, key = rng.choice(places)
        match rng.randrange(6):
            case 0:
                other, there = rng.choice(places)
                holder[key] = json.loads(json.dumps(other[there]))
            case 1 if isinstance(holder, dict):
                del holder[key]
            case 1:
                holder.append(holder[key])
            case 2 if isinstance(holder, list):
                holder.pop(key)
            case 3 if isinstance(holder[key], int):
                holder[key] += rng.choice([-1, 1, 2, 1 << rng.randrange(40)])
            case _:
                holder[key] = rng.choice(ODD)
    path.write_text(json.dumps(content))


def _places(value: Any) -> Any:
    """Every list and object inside `value` with each of its keys."""
    keys = range(len(value)) if isinstance(value, list) else ()
    for key in list(value) if isinstance(value, dict) else keys:
        yield value, key
        yield from _places(value[key])
