"""The rules of the public language reference, one by one: the tables of `language/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pyflame.runtime.fabric.image import Program
from tests.runtime.csl.language import dsds, functions, modules, pointers, statements, tasks, types
from tests.runtime.csl.language.page import Page

PAGES = {
    "dsds": dsds.PAGE,
    "functions": functions.PAGE,
    "modules": modules.PAGE,
    "pointers": pointers.PAGE,
    "statements": statements.PAGE,
    "tasks": tasks.PAGE,
    "types": types.PAGE,
}

START = """
const start_id = @get_local_task_id(9);
comptime { @bind_local_task(main, start_id); @activate(start_id); }
"""


def rules(table: Callable[[Page], Mapping[str, Any]]) -> pytest.MarkDecorator:
    """One test for each rule of the pages' tables."""
    found = [
        pytest.param(page, rule, id=f"{name}: {rule}")
        for name, page in PAGES.items()
        for rule in table(page)
    ]
    return pytest.mark.parametrize(("page", "rule"), found)


def started(text: str) -> str:
    """The program, with its task `main` bound where it has one."""
    return text + START if "main()" in text else text


@rules(lambda page: page.valid)
def test_valid(compiled: Callable[..., Program], page: Page, rule: str):
    program = compiled(started(page.valid[rule]), **page.fixture_options(rule))
    assert not program.warnings


@rules(lambda page: page.computes)
def test_computes(result: Callable[..., list[float]], page: Page, rule: str):
    text, expected = page.computes[rule]
    assert result(text, **page.fixture_options(rule)) == list(expected)


@rules(lambda page: page.refused)
def test_refused(errors: Callable[..., str], page: Page, rule: str):
    text, message = page.refused[rule]
    found = errors(started(text), **page.fixture_options(rule))
    assert f"error: {message}" in found
