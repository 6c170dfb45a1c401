"""PyFlameRT: run and compile trained models.

```python
import pyflame_rt as rt

session = rt.InferenceSession("model.onnx")
outputs = session.run(None, {"input": array})
```
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pyflame.errors import InvalidModelError, PyFlameError, UnsupportedError

if TYPE_CHECKING:
    from pyflame_rt.importer import supported_operators
    from pyflame_rt.session import PROVIDERS, InferenceSession, NodeArg, SessionOptions

_HOMES = {
    "InferenceSession": "pyflame_rt.session",
    "NodeArg": "pyflame_rt.session",
    "PROVIDERS": "pyflame_rt.session",
    "SessionOptions": "pyflame_rt.session",
    "supported_operators": "pyflame_rt.importer",
}

__all__ = [
    "PROVIDERS",
    "InferenceSession",
    "InvalidModelError",
    "NodeArg",
    "PyFlameError",
    "SessionOptions",
    "UnsupportedError",
    "get_available_providers",
    "supported_operators",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'pyflame_rt' has no attribute {name!r}")


def get_available_providers() -> list[str]:
    """Names of the execution providers that a session accepts."""
    return list(__getattr__("PROVIDERS"))
