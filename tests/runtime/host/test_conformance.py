"""The runner of public programs: finds commands files, judges what they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import conformance


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Three programs: one passes and uses a shared folder, one fails, one never ends."""
    scripts = {
        "a/good": "cat ../../lib/word; cslc --help > help.txt",
        "a/bad": "echo one; echo 'x.csl:3:1: error: no' >&2; exit 1",
        "slow": "sleep 60",
    }
    for name, text in scripts.items():
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "commands_wse2.sh").write_text(f"set -e\n{text}\n")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "word").write_text("SUCCESS!\n")
    return tmp_path


def test_programs_are_found_by_name_and_path(checkout: Path) -> None:
    every = conformance.find_cases(checkout, conformance.ARCHS, "*")
    assert [(str(c.directory), c.arch) for c in every] == [
        ("a/bad", "wse2"), ("a/good", "wse2"), ("slow", "wse2")
    ]  # fmt: skip
    assert len(conformance.find_cases(checkout, ["wse2"], "a/*")) == 2
    assert conformance.find_cases(checkout, ["wse3"], "*") == []


def test_the_architecture_is_that_of_the_name_or_of_the_text(tmp_path: Path) -> None:
    texts = {
        "a/commands.sh": "cslc layout.csl --arch=wse3 -o out",
        "b/commands.sh": "cslc layout.csl -o out",
        "c/commands_wse3.sh": "true",
        "d/commands_small.sh": "arch=wse3",
        "e/run.sh": "cslc --arch wse3 layout.csl",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    found = conformance.find_cases(tmp_path, conformance.ARCHS, "*")
    assert [(case.name, case.arch) for case in found] == [
        ("a", "wse3"), ("b", "wse2"), ("c", "wse3"), ("d/commands_small.sh", "wse3")
    ]  # fmt: skip
    (case,) = conformance.find_cases(tmp_path, ["wse3"], "*", ["run*.sh"])
    assert (case.name, case.arch) == ("e/run.sh", "wse3")


def test_each_program_is_judged_by_what_it_prints(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert conformance.main([str(checkout), "--timeout", "2"]) == 1
    lines = capsys.readouterr().out.splitlines()
    results = [[*line.split("|")[1:4], line.split("|")[6]] for line in lines[2:5]]
    assert [[cell.strip() for cell in row] for row in results] == [
        ["a/bad", "wse2", "fail", "x.csl:3:1: error: no"],
        ["a/good", "wse2", "pass", ""],
        ["slow", "wse2", "timeout", ""],
    ]
    assert lines[-1] == ("1 pass; 0 ran; 0 pass, bounds off; 0 ran, bounds off; 1 fail; 1 timeout")
    assert not (checkout / "a" / "good" / "help.txt").exists()  # it ran in a copy


LEAVES = "error: PE (0, 0), cycle 6, in a launched function at pe.csl:9: the walk reaches element 7"
HINT = "; check extent, stride and offset, or --no-bounds lets it run as on the hardware"


@pytest.mark.parametrize(("says", "result"), [("SUCCESS", "pass"), ("done", "ran")])
def test_a_program_that_leaves_an_array_runs_again_with_bounds_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], says: str, result: str
) -> None:
    asked = "grep -q -e --no-bounds $(which cs_python)"
    text = f"if {asked}; then echo {says}; else echo '{LEAVES}{HINT}' >&2; exit 1; fi\n"
    (tmp_path / "walk").mkdir()
    (tmp_path / "walk" / "commands_wse3.sh").write_text(text)
    assert conformance.main([str(tmp_path), "--logs", str(tmp_path / "logs")]) == 0
    row = [cell.strip() for cell in capsys.readouterr().out.splitlines()[2].split("|")]
    assert row[3] == f"{result}, bounds off"
    assert row[6] == "pe.csl:9: the walk reaches element 7"
    logs = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert logs == [f"walk-commands_wse3-wse3{s}.log" for s in ("--no-bounds", "")]


def test_a_program_that_fails_without_bounds_too_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "walk").mkdir()
    (tmp_path / "walk" / "commands_wse3.sh").write_text(f"echo '{LEAVES}{HINT}' >&2; exit 1\n")
    assert conformance.main([str(tmp_path)]) == 1
    row = [cell.strip() for cell in capsys.readouterr().out.splitlines()[2].split("|")]
    assert row[3] == "fail"


def test_options_reach_the_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def run(command: list[str], directory: Path, timeout: float) -> tuple[int, str]:
        seen.append(command)
        return 0, "SUCCESS"

    (tmp_path / "commands_wse2.sh").write_text("true")
    monkeypatch.setattr(conformance, "_run", run)
    assert conformance.main([str(tmp_path), "--sdk-option=--shuffle-seed=3"]) == 0
    assert "--shuffle-seed=3" in seen[0][: seen[0].index("--")]


def test_a_program_that_says_so_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "commands_wse2.sh").write_text("echo '[[ Within tolerance: FAIL ]]'")
    assert conformance.main([str(tmp_path)]) == 1
    assert "[[ Within tolerance: FAIL ]]" in capsys.readouterr().out
