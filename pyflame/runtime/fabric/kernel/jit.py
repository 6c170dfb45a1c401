"""Compiling the kernel: numba with a cache that notices every change.

Numba's own on-disk cache looks only at the file of the function it caches, not at the files of
the functions it calls. Only the kernel's entry points are cached here, through numba's locator
hook, in a directory named by a hash of all kernel sources and the versions that matter. Other
users of numba in the process are not disturbed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numba
from numba import njit, types
from numba.core import caching

KERNEL = Path(__file__).parent
"""Every source that the compiled kernel depends on lies here, but for the instruction set."""


def _source_hash() -> str:
    digest = hashlib.sha256(f"{numba.__version__} {sys.version} {platform.machine()}".encode())
    for path in [*sorted(KERNEL.glob("*.py")), KERNEL.parent / "isa.py"]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:24]


def cache_directory() -> Path:
    """Where compiled kernels lie: NUMBA_CACHE_DIR, else beside the sources, else per user.

    Beside the sources is right too when somebody who may write there has compiled them.
    """
    name = f"pyflame-kernel-{_source_hash()}"
    given = os.environ.get("NUMBA_CACHE_DIR")
    beside = KERNEL / "__pycache__"
    if given:
        return Path(given) / name
    if _compiled(beside / name) or _writable(beside):
        return beside / name
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "pyflame" / name


def _compiled(directory: Path) -> bool:
    """Whether a kernel was compiled into `directory`."""
    return any(directory.glob("*.nbi"))


def _writable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


_BaseLocator: Any = caching._CacheLocator
_BaseImplementation: Any = caching.CompileResultCacheImpl
_BaseCache: Any = caching.FunctionCache
_BaseNoCache: Any = caching.NullCache


class _Locator(_BaseLocator):
    """Tells numba's cache where the kernel's compiled code lies and what it was made from."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._line = function.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        return str(cache_directory())

    def get_source_stamp(self) -> str:
        return _source_hash()

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Locator | None:
        locator = cls(py_func)
        directory = Path(locator.get_cache_path())
        return locator if _compiled(directory) or _writable(directory) else None


class _Implementation(_BaseImplementation):
    _locator_classes = [_Locator]


class _KernelCache(_BaseCache):
    """Numba's cache, in which one process compiles while others wait for what it writes."""

    _impl_class = _Implementation
    _lock: IO[bytes] | None = None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = super().load_overload(sig, target_context)
        if found is None:
            self._lock = _compiling(Path(self.cache_path) / "compiling")
            found = super().load_overload(sig, target_context)
            if found is not None:
                self._release()
            else:
                _tell(COMPILING)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:  # a full disk, or a spoiled file that is not ours to replace
            _tell(f"what was compiled cannot be kept ({error})")
        finally:
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


class _NoCache(_BaseNoCache):
    """Where nothing can be written: compile, and say what would help."""

    def load_overload(self, sig: Any, target_context: Any) -> None:
        _tell(f"{COMPILING}; no directory to keep it in is writable, NUMBA_CACHE_DIR can name one")


COMPILING = "compiling the simulator, once for this installation; it takes about half a minute"
WAITING = "waiting for another process, which is compiling the simulator"


def _tell(text: str) -> None:
    """Say to a person why nothing seems to happen; programs that read stderr need not know."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"pyflame: {text} …", file=sys.stderr, flush=True)


def _compiling(path: Path) -> IO[bytes] | None:
    """The file, locked, when no other process holds it; None where files cannot be locked."""
    try:
        import fcntl
    except ImportError:  # Windows: every process compiles, the last one's result stays
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell(WAITING)
            fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        return None
    return file


def _plain(t: types.Type) -> types.Type:
    """The one type that integers of all kinds have inside the kernel."""
    t = types.unliteral(t)
    return types.int64 if isinstance(t, types.Integer | types.Boolean) else t


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` when the kernel calls it, once: integers of any type arrive as int64.

    Numba would compile it anew for every constant argument and integer width.
    """
    compiled: Any = njit(function)
    if hasattr(compiled, "get_call_template"):
        template = compiled.get_call_template

        def one_signature(args: tuple[types.Type, ...], kws: dict[str, types.Type]) -> Any:
            return template(tuple(_plain(a) for a in args), kws)

        compiled.get_call_template = one_signature
    return compiled


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` as part of its callers: for steps on the way to the big functions, which
    LLVM would otherwise optimise again at every level."""
    return njit(function, inline="always")


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with numba on its first call and keep the result on disk.

    With NUMBA_DISABLE_JIT=1 the function stays plain Python. Where no directory can be written
    the kernel is compiled anew in each process.
    """
    compiled: Any = njit(function)
    if hasattr(compiled, "_cache"):
        try:
            compiled._cache = _KernelCache(function)
        except (RuntimeError, OSError):
            compiled._cache = _NoCache()
    return compiled
