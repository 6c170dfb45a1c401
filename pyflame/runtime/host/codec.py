"""Dataclasses to JSON and flat arrays, and back: the safe form in which programs are stored.

The type hints of the dataclasses are the schema. Numbers, strings, lists, tuples, mappings and
nested dataclasses become JSON; every array becomes a range of one flat array per element type,
so that a program of a thousand images is still a handful of arrays. Reading checks every value
against its hint and every range against its array; nothing is ever executed.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from pyflame.errors import InvalidModelError, LimitError

ELEMENT_TYPES = ("uint8", "uint16", "int32", "uint32", "int64")
"""Element types that a stored array may have."""


class ArrayPool:
    """Collects arrays into one flat array per element type; equal arrays are stored once."""

    def __init__(self) -> None:
        self._chunks: dict[str, list[np.ndarray]] = {}
        self._length: dict[str, int] = {}
        self._known: dict[tuple[str, bytes], int] = {}

    def add(self, array: np.ndarray) -> list[Any]:
        """Store `array` and return its reference ``[element type, start, *shape]``."""
        name = array.dtype.name
        if name not in ELEMENT_TYPES:
            raise InvalidModelError(
                f"an array of {name} cannot be stored; expected one of {', '.join(ELEMENT_TYPES)}"
            )
        flat = np.ascontiguousarray(array).reshape(-1)
        key = (name, flat.tobytes())
        start = self._known.get(key)
        if start is None:
            start = self._known[key] = self._length.get(name, 0)
            self._chunks.setdefault(name, []).append(flat)
            self._length[name] = start + flat.size
        return [name, start, *array.shape]

    def arrays(self) -> dict[str, np.ndarray]:
        """The flat arrays by element type, in the order of `ELEMENT_TYPES`."""
        return {
            name: np.concatenate(self._chunks[name])
            for name in ELEMENT_TYPES
            if name in self._chunks
        }


def encode(value: Any, pool: ArrayPool) -> Any:
    """JSON form of `value`; arrays go to `pool`.

    Raises:
        InvalidModelError: a value is of a kind that cannot be stored.
    """
    match value:
        case None | bool() | str():
            return value
        case np.ndarray():
            return pool.add(value)
        case int() | np.integer():
            return int(value)
        case list() | tuple():
            return [encode(item, pool) for item in value]
        case Mapping():
            return [[encode(k, pool), encode(v, pool)] for k, v in value.items()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: encode(getattr(value, field.name), pool)
            for field in dataclasses.fields(value)
        }
    raise InvalidModelError(f"a value of {type(value).__name__} cannot be stored")


MAX_DECODED_BYTES = 4 << 30
"""Most bytes of all arrays of a program: many may be copies of one range of a small file."""


@dataclasses.dataclass
class Decoder:
    """Rebuilds values from JSON and the flat `arrays`; `what` names the file in messages.

    `budget` is how many bytes of arrays may still be made.
    """

    arrays: Mapping[str, np.ndarray]
    what: str
    budget: int = MAX_DECODED_BYTES

    def decode(self, hint: Any, value: Any, place: str) -> Any:
        """The value of type `hint` that the JSON `value` at `place` stands for.

        Raises:
            InvalidModelError: the JSON does not have the form that `hint` asks for.
        """
        origin = get_origin(hint)
        if origin is not None:
            return _GENERIC[origin](self, get_args(hint), value, place)
        if hint is np.ndarray:
            return self._array(value, place)
        if dataclasses.is_dataclass(hint):
            return self._record(hint, value, place)
        if isinstance(hint, type) and issubclass(hint, IntEnum):
            self._expect(
                type(value) is int and value in hint._value2member_map_, place, hint.__name__, value
            )
            return hint(value)
        known = hint in (int, str, bool)
        self._expect(known and type(value) is hint, place, getattr(hint, "__name__", "?"), value)
        return value

    def _expect(self, fine: bool, place: str, expected: str, value: Any) -> None:
        if not fine:
            shown = repr(value)
            shown = shown if len(shown) <= 60 else shown[:57] + "..."
            raise InvalidModelError(f"{self.what}: {place} is {shown}; expected {expected}")

    def _record(self, cls: Any, value: Any, place: str) -> Any:
        hints = _hints(cls)
        self._expect(isinstance(value, dict), place, f"an object of {cls.__name__}", value)
        if set(value) != set(hints):
            raise InvalidModelError(
                f"{self.what}: {place} has the members {', '.join(sorted(value))}; "
                f"expected {', '.join(sorted(hints))}"
            )
        return cls(**{k: self.decode(hint, value[k], f"{place}.{k}") for k, hint in hints.items()})

    def _list(self, value: Any, place: str) -> list[Any]:
        self._expect(isinstance(value, list), place, "a list", value)
        return value

    def _array(self, value: Any, place: str) -> np.ndarray:
        items = self._list(value, place)
        fine = (
            len(items) >= 2
            and isinstance(items[0], str)
            and items[0] in self.arrays
            and all(type(n) is int and 0 <= n < 2**40 for n in items[1:])
        )
        self._expect(fine, place, "an array reference", value)
        name, start, *shape = items
        flat, size = self.arrays[name], math.prod(shape)
        self._expect(start + size <= flat.size, place, f"a range within {flat.size} items", value)
        self.budget -= size * flat.itemsize
        if self.budget < 0:
            raise LimitError(
                f"{self.what}: the arrays of the program take more than {MAX_DECODED_BYTES} bytes, "
                f"from {place} on (a limit of this reader)"
            )
        return flat[start : start + size].reshape(shape).copy()

    def sequence(self, args: tuple[Any, ...], value: Any, place: str) -> list[Any]:
        """A list of one type."""
        items = self._list(value, place)
        return [self.decode(args[0], item, f"{place}[{i}]") for i, item in enumerate(items)]

    def tuple(self, args: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
        """A tuple, of one type and any length or of one type per place."""
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(self.sequence(args, value, place))
        items = self._list(value, place)
        self._expect(len(items) == len(args), place, f"{len(args)} items", value)
        return tuple(
            self.decode(hint, item, f"{place}[{i}]")
            for i, (hint, item) in enumerate(zip(args, items, strict=True))
        )

    def mapping(self, args: tuple[Any, ...], value: Any, place: str) -> dict[Any, Any]:
        """A mapping, stored as a list of pairs in order; a key may stand once."""
        result: dict[Any, Any] = {}
        for i, item in enumerate(self._list(value, place)):
            key, entry = self.tuple(args, item, f"{place}[{i}]")
            self._expect(key not in result, f"{place}[{i}]", "a key that is new", key)
            result[key] = entry
        return result

    def optional(self, args: tuple[Any, ...], value: Any, place: str) -> Any:
        """A value or null."""
        if value is None and type(None) in args:
            return None
        (hint,) = (arg for arg in args if arg is not type(None))
        return self.decode(hint, value, place)


_GENERIC: dict[Any, Callable[[Decoder, tuple[Any, ...], Any, str], Any]] = {
    list: Decoder.sequence,
    tuple: Decoder.tuple,
    dict: Decoder.mapping,
    types.UnionType: Decoder.optional,
    Union: Decoder.optional,
}


@lru_cache
def _hints(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}
