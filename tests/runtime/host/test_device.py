"""The table of devices, and the SDK as a device (against the emulated runtime)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyflame.runtime.host.emulated as emulated
from pyflame.errors import UnsupportedError
from pyflame.runtime.device import Device, device_names, open_device, register_device
from pyflame.runtime.host import sdk_device
from pyflame.runtime.host.artifact import read_artifact
from pyflame.runtime.host.sdk_device import SdkDevice
from tests.runtime.host.fake import FakeDevice, make_program


@pytest.fixture
def sdk(
    monkeypatch: pytest.MonkeyPatch, fake_options: dict[str, Any], tmp_path: Path
) -> Iterator[dict[str, Any]]:
    """Makes the emulated packages importable as the SDK's would be."""
    (directory,) = emulated.__path__
    monkeypatch.syspath_prepend(directory)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(sdk_device.ADDRESS_VARIABLE, raising=False)
    yield fake_options
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == "cerebras"]:
        del sys.modules[name]


def test_an_unknown_device_lists_the_known(tmp_path: Path) -> None:
    assert device_names()[:2] == ("simulator", "sdk")
    with pytest.raises(UnsupportedError) as caught:
        open_device("gpu", tmp_path)
    assert str(caught.value).endswith(f"known devices: {', '.join(device_names())}")


def test_a_registered_device_is_opened_with_its_options(
    compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyflame.runtime import device as table

    monkeypatch.setattr(table, "_OPENERS", dict(table._OPENERS))
    register_device("fake", lambda directory, **o: FakeDevice(read_artifact(directory), **o))
    device = open_device("fake", str(compiled), functions={"main": None})
    assert isinstance(device, FakeDevice)
    assert isinstance(device, Device)
    assert device.functions == {"main": None}


def test_without_the_sdk_its_device_says_so(compiled: Path) -> None:
    with pytest.raises(UnsupportedError, match="device 'sdk' without the SDK"):
        open_device("sdk", compiled)


def test_the_sdk_is_driven_through_its_runtime(compiled: Path, sdk: dict[str, Any]) -> None:
    device = open_device("sdk", compiled)
    assert isinstance(device, SdkDevice)
    assert (device.width, device.height) == (3, 2)
    halves = np.arange(12, dtype=np.float16).reshape(2, 3, 2)
    device.write_symbol("half", halves)
    back = device.read_symbol_array("half", 1, 0, 2, 2, 2, np.float16)
    np.testing.assert_array_equal(back, halves[:, 1:])
    device.launch("scale", [0xFFFF, 0x3F800000])
    device.stream_in(4, np.array([[[5]]], np.uint32), 1, 1)
    assert device.stream_out(5, 1, 1, 1, 1, 1).tolist() == [[[5]]]
    device.close()


def test_the_address_comes_from_the_environment(
    compiled: Path, sdk: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CEREBRAS_RUNTIME_ADDRESS", "1.2.3.4:9000")
    with pytest.raises(UnsupportedError, match=r"cmaddr='1\.2\.3\.4:9000'"):
        open_device("sdk", compiled)


def test_the_fake_is_a_device() -> None:
    assert isinstance(FakeDevice(make_program()), Device)
