"""The tables of dialects and passes, the links at the root, and what xDSL's own tool sees."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from xdsl.passes import ModulePass

import pyflame.lowering
import pyflame.passes
from pyflame.dialects import DIALECTS, get_all_dialects
from pyflame.passes import PASSES, get_all_passes
from pyflame.universe import PYFLAME_UNIVERSE

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PASSES)
def test_a_row_names_its_pass(name: str) -> None:
    pass_class = get_all_passes()[name]()
    assert issubclass(pass_class, ModulePass)
    assert pass_class.name == name
    assert pass_class.__doc__


@pytest.mark.parametrize("name", DIALECTS)
def test_a_row_names_its_dialect(name: str) -> None:
    dialect = get_all_dialects()[name]()
    assert dialect.name == name
    names = [op.name for op in dialect.operations]
    assert len(names) == len(set(names))
    assert all(op.__doc__ for op in dialect.operations)


def test_every_pass_has_a_row() -> None:
    classes: set[str] = set()
    for room in (pyflame.passes, pyflame.lowering):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            found = vars(importlib.import_module(module.name)).values()
            classes |= {
                f"{value.__module__}:{value.__name__}"
                for value in found
                if isinstance(value, type)
                and issubclass(value, ModulePass)
                and value.__module__ == module.name
                and "name" in vars(value)
            }
    rows = {f"{c.__module__}:{c.__name__}" for c in (load() for load in get_all_passes().values())}
    assert classes - rows == set()


def test_the_universe_holds_both_tables() -> None:
    assert set(PYFLAME_UNIVERSE.all_dialects) == set(DIALECTS)
    assert set(PYFLAME_UNIVERSE.all_passes) == set(PASSES)


def test_xdsl_opt_knows_the_dialects() -> None:
    tool = Path(sys.executable).with_name("xdsl-opt")
    text = '"pyflame.no_such_op"() : () -> ()'
    done = subprocess.run([tool], input=text, capture_output=True, text=True, check=False)
    assert "Operation pyflame.no_such_op is not registered" in done.stderr
    help_text = subprocess.run([tool, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(name in "".join(help_text.split()) for name in PASSES)


@pytest.mark.parametrize("room", ["dialects", "lowering", "passes", "runtime"])
def test_a_link_at_the_root_leads_to_its_room(room: str) -> None:
    link = ROOT / room
    assert link.is_symlink()
    assert link.readlink() == Path("pyflame", room)
    assert (link / "__init__.py").samefile(ROOT / "pyflame" / room / "__init__.py")
