"""Where the compiled kernel of the simulator spends its time: samples of `perf` by function.

The kernel's functions have no file that `perf` could read, so it only notes addresses; the names
come from the addresses that numba gave the functions.
"""

from __future__ import annotations

import bisect
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyflame.runtime.fabric.kernel import loop

FREQUENCY = 2000
"""Samples per second of processor time."""
MOST_BYTES = 1 << 14
"""Size of the largest function; what lies further behind the last one is not the kernel's."""
OUTSIDE = "outside"
"""Where samples go that do not lie in the kernel: Python, the operating system."""
_KERNEL = re.compile(r"kernel(\d+)(.*)")
_NUMBER = re.compile(r"(\d+)(.*)")


def functions() -> list[tuple[int, str]]:
    """(address, module.function) of the kernel's compiled functions, by address.

    The kernel must have run before.
    """
    entry: Any = loop.advance_machine
    (compiled,) = entry.overloads.values()
    library = compiled.library
    names = [f.name for f in library._get_module_for_linking().functions if not f.is_declaration]
    found = [(library.get_pointer_to_function(name), _readable(name)) for name in names]
    return sorted((address, name) for address, name in found if address)


def _readable(mangled: str) -> str:
    """module.function from a name like …6kernel4live7advanceB3v65…"""
    match = _KERNEL.search(mangled)
    if match is None:
        return OUTSIDE
    size, rest = int(match[1]), match[2]
    module, rest = rest[:size], rest[size:]
    inner = _NUMBER.match(rest)
    return f"{module}.{inner[2][: int(inner[1])]}" if inner else module


def available() -> bool:
    """Whether `perf` is there and may sample a process of one's own."""
    if shutil.which("perf") is None:
        return False
    with tempfile.NamedTemporaryFile() as file:
        command = ["perf", "record", "-q", "-e", "cpu-clock:u", "-o", file.name, "true"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Sample this process while the block runs; the counter then has samples by function."""
    samples: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory:
        data = str(Path(directory) / "perf.data")
        event = ["-e", "cpu-clock:u", "-F", str(FREQUENCY)]
        command = ["perf", "record", "-q", *event, "-o", data, "-p", str(os.getpid())]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as perf:
            time.sleep(0.5)  # until it has begun
            try:
                yield samples
            finally:
                perf.send_signal(signal.SIGINT)
                perf.wait()
        command = ["perf", "script", "-i", data, "-F", "ip"]
        text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    table = functions()
    addresses = [address for address, _ in table]
    for line in text.split():
        place = int(line, 16)
        i = bisect.bisect(addresses, place) - 1
        inside = i >= 0 and place - addresses[i] < MOST_BYTES
        samples[table[i][1] if inside else OUTSIDE] += 1
