"""Streams between the host and an SdkLayout program, as its compiled directory names them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyflame.errors import InvalidModelError, LimitError

MAX_BYTES = 16 << 20
"""Largest file of streams that is read."""
STREAMS = "streams.json"
"""File beside the program: the origin of the layout's coordinates, and its streams."""


@dataclass(frozen=True)
class StreamEnd:
    """Where a stream meets the fabric, in the program's coordinates, and its colour there."""

    name: str
    incoming: bool
    x: int
    y: int
    color: int


def write_streams(directory: Path, origin: tuple[int, int], ends: list[StreamEnd]) -> None:
    """Write the file of a layout's streams."""
    streams = {e.name: {"incoming": e.incoming, "at": [e.x, e.y], "color": e.color} for e in ends}
    text = json.dumps({"origin": list(origin), "streams": streams}, indent=2)
    (directory / STREAMS).write_text(text + "\n")


def read_streams(directory: Path) -> tuple[tuple[int, int], dict[str, StreamEnd]]:
    """The layout's origin and its streams by name; none for programs of cslc.

    Raises:
        InvalidModelError: the file is damaged.
        LimitError: it is larger than `MAX_BYTES`.
    """
    path = directory / STREAMS
    if not path.is_file():
        return (0, 0), {}
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise LimitError(f"{path} is larger than {MAX_BYTES} bytes (a limit of this reader)")
        content: Any = json.loads(text)
        x, y = map(int, content["origin"])
        ends = {name: _end(name, end) for name, end in content["streams"].items()}
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise InvalidModelError(f"{path} is damaged: {error}") from None
    return (x, y), ends


def _end(name: str, end: Any) -> StreamEnd:
    x, y = map(int, end["at"])
    return StreamEnd(name, bool(end["incoming"]), x, y, int(end["color"]))
