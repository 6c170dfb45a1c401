"""Compiled directories and runtimes on the fake device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyflame.runtime import device as devices
from pyflame.runtime.host import session
from pyflame.runtime.host.artifact import write_artifact
from pyflame.runtime.host.sdkruntime import SdkRuntime
from tests.runtime.host.fake import FakeDevice, make_program


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """A directory with the fake's program."""
    write_artifact(tmp_path / "out", make_program())
    return tmp_path / "out"


@pytest.fixture
def fake_options(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Makes the simulator a fake; fill the dictionary with options of `FakeDevice`."""
    options: dict[str, Any] = {}

    def open_fake(directory: Path, *, program: Any, **_: Any) -> FakeDevice:
        return FakeDevice(program, **options)

    monkeypatch.setitem(devices._OPENERS, "simulator", open_fake)
    monkeypatch.setattr(session.current, "runtimes", [])
    yield options


@pytest.fixture
def start(
    compiled: Path, fake_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., SdkRuntime]:
    """Makes a running runtime; keyword options go to the fake device."""
    monkeypatch.chdir(compiled.parent)

    def start_runtime(**options: Any) -> SdkRuntime:
        fake_options.update(options)
        runtime = SdkRuntime(str(compiled))
        runtime.load()
        runtime.run()
        return runtime

    return start_runtime
