"""A few cases of every kind: bad input never crashes it. `make fuzz` runs as many as one likes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pyflame.errors import LimitError
from tests.fuzz import cases, kinds
from tests.fuzz.cases import Case, Outcome, judge
from tests.fuzz.processes import plan

COUNTS = {
    "syntax": 60, "typed": 40, "tokens": 80, "bytes": 80, "modules": 40, "artefacts": 60, "host": 40
}  # fmt: skip
FAR = {
    "syntax": "parsed", "typed": "ran", "tokens": "parsed", "bytes": "parsed", "modules": "parsed",
    "artefacts": "begun", "host": "called",
}  # fmt: skip
"""A stage that some cases of each kind come to."""


def told(kind: str, folder: Path, count: int, seed: int = 1) -> list[tuple[Case, Outcome]]:
    found: list[tuple[Case, Outcome]] = []
    batch = kinds.Batch(
        kind, seed, count, folder, lambda _, case, outcome: found.append((case, outcome)), most=40
    )
    kinds.KINDS[kind].run(batch)
    return found


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_no_case_fails(kind: str, tmp_path: Path) -> None:
    found = told(kind, tmp_path, COUNTS[kind])
    assert not [(case, o.failure) for case, o in found if o.failure]
    assert len(found) == COUNTS[kind]
    stages = Counter(outcome.stage for _, outcome in found)
    assert stages[FAR[kind]] > 0, stages
    assert any(outcome.error for _, outcome in found)


def test_a_batch_repeats_from_its_seed(tmp_path: Path) -> None:
    for kind in ("typed", "tokens"):
        assert told(kind, tmp_path, 10, seed=7) == told(kind, tmp_path, 10, seed=7)
        assert told(kind, tmp_path, 10, seed=7) != told(kind, tmp_path, 10, seed=8)


def test_a_plan_has_all_cases_of_all_kinds() -> None:
    batches = plan(10_000, seed=3, kinds=list(kinds.KINDS))
    assert sum(count for _, _, count in batches) == 10_000
    assert {kind for kind, _, _ in batches} == set(kinds.KINDS)
    assert len({(kind, seed) for kind, seed, _ in batches}) == len(batches)


def raising(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("ending", "failure"),
    [
        (lambda: None, ""),
        (lambda: raising(LimitError("too many")), ""),
        (lambda: raising(LimitError(" ")), "LimitError without a message"),
        (lambda: {}["a"], "KeyError: 'a'"),
        (lambda: [0 for _ in iter(int, 1)], "more than 0.05 s of processor time"),
        (lambda: bytearray(b"1") * (100 << 20), "MB of memory"),
    ],
)
def test_what_a_failure_is(
    ending: Callable[[], object], failure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cases.ACTIONS, "text", lambda *_: ending())
    monkeypatch.setattr(cases, "MOST_SECONDS", 0.05)
    monkeypatch.setattr(cases, "MOST_MEGABYTES", 50)
    outcome = judge(Case("text"), tmp_path)
    assert failure in outcome.failure
    assert bool(failure) == bool(outcome.failure)


def test_a_kept_case_is_carried_out_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.fuzz.__main__ import replay

    (tmp_path / "pe.csl").write_text("const a = (1;")
    (tmp_path / "case.json").write_text(json.dumps({"action": "text"}))
    assert replay(tmp_path) == 0
    assert capsys.readouterr().out == "begun CslError\n"
