"""Programs compiled and run in this process, for both architectures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyflame.errors import ParseError, PyFlameError
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.programs.sources import Drive, Source, agreed, launched


@pytest.fixture(params=["wse2", "wse3"])
def arch(request: pytest.FixtureRequest) -> str:
    """Each architecture in turn."""
    return request.param


@pytest.fixture
def result(tmp_path: Path) -> Callable[..., Any]:
    """``result(source, arch, drive)``: what a host learns, the same under every setting."""

    def run(source: Source, arch: str, drive: Drive | None = None, **options: Any) -> Any:
        return agreed(source.compiled(tmp_path, arch, **options), drive or launched())

    return run


@pytest.fixture
def refusal(tmp_path: Path) -> Callable[..., str]:
    """``refusal(source, arch)``: the message of a program that must not compile."""

    def message(source: Source, arch: str, **options: Any) -> str:
        with pytest.raises(ParseError) as caught:
            source.compiled(tmp_path, arch, **options)
        return str(caught.value)

    return message


@pytest.fixture
def stop(tmp_path: Path) -> Callable[..., str]:
    """``stop(source, arch)``: the message with which a program stops that does compile."""

    def message(source: Source, arch: str, drive: Drive | None = None, **options: Any) -> str:
        program = source.compiled(tmp_path, arch)
        machine = Machine(program, **{"max_cycles": 1_000_000, **options})
        with pytest.raises(PyFlameError) as caught:
            (drive or launched())(machine)
        return str(caught.value)

    return message
