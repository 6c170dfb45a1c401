"""The page that `pyflame-cs-python --trace` writes: one HTML file that shows recorded runs.

Everything is in the file: style, program and data, the latter as base64 of a deflate stream. All
text of the programs travels inside the stream and is shown as text, never as HTML.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from pyflame.errors import LimitError
from pyflame.runtime.host.page.payload import RunView, pack_runs

PAGE_BYTES = 16 << 20
"""Most bytes of a page; recordings are made coarser until they fit."""

_HERE = Path(__file__).parent
_SCRIPTS = (
    "decode.js", "model.js", "links.js", "mesh.js", "timeline.js", "inspector.js", "place.js",
    "main.js",
)  # fmt: skip
_ATTEMPTS = 12


def trace_page(runs: Sequence[RunView], limit: int = PAGE_BYTES) -> str:
    """The page that shows `runs`, at most `limit` bytes long.

    Raises:
        LimitError: not even the coarsest recording fits.
    """
    for step in range(_ATTEMPTS):
        page = _page(pack_runs(runs, step))
        if len(page.encode()) <= limit:
            return page
    raise LimitError(
        f"the trace page would be larger than {limit} bytes even without details; record fewer "
        "PEs (--trace-pes) or a shorter window (--trace-window)"
    )


def _page(data: bytes) -> str:
    text = (_HERE / "page.html").read_text(encoding="utf-8")
    parts = {
        "STYLE": (_HERE / "page.css").read_text(encoding="utf-8"),
        "SCRIPT": "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS),
        "DATA": base64.b64encode(zlib.compress(data, 9)).decode(),
    }
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def read_page(page: str) -> tuple[bytes, bytes]:
    """(JSON text, binary sections) of a page, for tests and tools."""
    start = page.index('id="data">') + len('id="data">')
    packed = base64.b64decode(page[start : page.index("</script>", start)])
    data = zlib.decompress(packed)
    (size,) = struct.unpack_from("<I", data)
    return data[4 : 4 + size], data[-(-(4 + size) // 8) * 8 :]
