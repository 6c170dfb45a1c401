"""Executables by structure: what was compiled once is not compiled again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyflame.compiler.executable import Executable

CAPACITY = 256
"""Default number of executables kept; the least recently used one goes first."""


class ExecutableCache:
    """Executables by key. `compilations` counts how many had to be made, `hits` how many not."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.compilations = 0
        self.hits = 0
        self._executables: OrderedDict[Hashable, Executable] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, compile: Callable[[], Executable]) -> Executable:
        """The executable for `key`, made by `compile` if there is none yet."""
        with self._lock:
            if key in self._executables:
                self.hits += 1
                self._executables.move_to_end(key)
                return self._executables[key]
        executable = compile()
        with self._lock:
            self.compilations += 1
            self._executables[key] = executable
            while len(self._executables) > self.capacity:
                self._executables.popitem(last=False)
        return executable

    def clear(self) -> None:
        """Forget every executable and set the counters to 0."""
        with self._lock:
            self._executables.clear()
            self.compilations = self.hits = 0

    def __len__(self) -> int:
        return len(self._executables)


EXECUTABLES = ExecutableCache()
"""The executables of the CPU reference, for evaluating tensors."""
