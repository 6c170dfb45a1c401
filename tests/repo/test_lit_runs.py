"""Every lit test reads its own file and can fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIT = ROOT / "lit_tests"
APART = {"Inputs", "Output"}  # what tests read, and where lit puts what they write
FILES = sorted(
    p
    for p in LIT.rglob("*")
    if p.suffix in (".csl", ".mlir", ".py") and p.parent != LIT and not APART & {*p.parts}
)

RUN = re.compile(r"(?://|#)\s*RUN:\s*(?P<command>.*)")
CHECK = re.compile(r"(?://|#)\s*(?P<prefix>[A-Z][A-Z0-9_-]*?)(?:-NEXT|-SAME|-DAG|-NOT|-LABEL)?:")


def run_lines(text: str) -> list[str]:
    """The commands of a test, with continued lines joined."""
    commands: list[str] = []
    continued = False
    for match in RUN.finditer(text):
        command = match["command"].strip()
        if continued:
            commands[-1] = commands[-1][:-1] + command
        else:
            commands.append(command)
        continued = command.endswith("\\")
    return commands


def faults(text: str) -> list[str]:
    """Why a test might check nothing."""
    commands = run_lines(text)
    if not commands:
        return ["no RUN line"]
    found: list[str] = []
    prefixes = {m["prefix"] for m in CHECK.finditer(text)} - {"RUN"}
    for command in commands:
        if "%s" not in command and "%S" not in command and "%t" not in command:
            found.append(f"does not read its file: {command}")
        checks = re.findall(r"filecheck\b([^|;&]*)", command)
        expects = "--verify-diagnostics" in command and "expected-error" in text
        if not checks and not expects and not re.search(r"\b(not|diff|cmp|test)\s", command):
            found.append(f"cannot fail on what is printed: {command}")
        for options in checks:
            if not re.search(r"%s|%S", options):
                found.append(f"filecheck reads no checks: {command}")
            wanted = re.findall(r"--check-prefix(?:es)?[= ](\S+)", options) or ["CHECK"]
            missing = {p for group in wanted for p in group.split(",")} - prefixes
            found += [f"no line begins with {prefix}: {command}" for prefix in sorted(missing)]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(LIT)))
def test_a_lit_test_reads_its_file_and_can_fail(path: Path) -> None:
    assert faults(path.read_text()) == []


def test_there_are_lit_tests() -> None:
    assert FILES


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("module {}", "no RUN line"),
        ("// RUN: pyflame-opt | filecheck %s\n// CHECK: x", None),
        ("// RUN: pyflame-opt\n// CHECK: x", "does not read"),
        ("// RUN: pyflame-opt %s\n// CHECK: x", "cannot fail"),
        ("// RUN: pyflame-opt %s | filecheck\n// CHECK: x", "reads no checks"),
        ("// RUN: pyflame-opt %s | filecheck %s", "no line begins with CHECK"),
        ("// RUN: a %s | filecheck %s --check-prefix=B\n// CHECK: x", "no line begins with B"),
        ("// RUN: a %s --verify-diagnostics", "cannot fail"),
        ("// RUN: a %s \\\n// RUN: | filecheck %s\n// CHECK-NEXT: x", None),
        ("// RUN: a %s --verify-diagnostics\n// expected-error {{x}}", None),
        ("# RUN: python %s | filecheck %s\n# CHECK: x", None),
    ],
)
def test_the_check_itself_finds_tests_that_cannot_fail(text: str, fault: str | None) -> None:
    found = faults(text)
    assert found == [] if fault is None else any(fault in f for f in found)
