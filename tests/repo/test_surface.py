"""The public names: all there, all documented, and one version."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version

import pytest

from pyflame.version import __version__

PACKAGES = ["pyflame", "pyflame_rt"]


def names(package: str) -> list[str]:
    """The public names of a package."""
    return importlib.import_module(package).__all__


@pytest.mark.parametrize(("package", "name"), [(p, n) for p in PACKAGES for n in names(p)])
def test_a_public_name_is_there_and_documented(package: str, name: str) -> None:
    value = getattr(importlib.import_module(package), name)
    if callable(value):
        assert value.__doc__, f"{package}.{name} has no docstring"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_public_names_are_sorted_and_unique(package: str) -> None:
    assert sorted(set(names(package))) == sorted(names(package))


def test_there_is_one_version() -> None:
    assert version("pyflame") == importlib.import_module("pyflame").__version__ == __version__


def test_importing_pyflame_is_light() -> None:
    heavy = "{'xdsl', 'numba', 'onnx', 'scipy', 'sklearn', 'torch', 'safetensors'}"
    code = f"import sys, pyflame; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
