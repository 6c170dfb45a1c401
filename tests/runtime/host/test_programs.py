"""Whole programs through the tools: compiler, simulator and host script, as a user runs them.

The machine's kernel runs as plain Python here: these programs are small, and a test must not wait
for a just-in-time compiler.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
ARCHS = pytest.mark.parametrize("arch", ["wse2", "wse3"])


def run(
    directory: Path, program: str, arch: str, *arguments: str, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Runs the program's commands file in a copy."""
    shutil.copytree(PROGRAMS / program, directory, dirs_exist_ok=True)
    command = [sys.executable, "-P", "-m", "pyflame.cli.sdk", *options, "--", "bash", "commands.sh"]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "ARCH": arch}
    return subprocess.run(
        [*command, *arguments], cwd=directory, env=environment, text=True, capture_output=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@ARCHS
def test_copies_launches_and_logs(tmp_path: Path, arch: str) -> None:
    result = run(tmp_path, "scale", arch)
    assert (result.stdout, result.stderr) == ("SUCCESS!\n", "")
    assert (tmp_path / "sim.log").read_text().endswith(" scaled\n")


@ARCHS
@pytest.mark.parametrize("arguments", [(), ("--receive-first",)])
def test_streams_longer_than_any_queue(
    tmp_path: Path, arch: str, arguments: tuple[str, ...]
) -> None:
    result = run(tmp_path, "echo", arch, *arguments)
    assert (result.stdout, result.stderr) == ("SUCCESS!\n", "")


@ARCHS
def test_layouts_built_from_python(tmp_path: Path, arch: str) -> None:
    result = run(tmp_path, "layout", arch)
    assert (result.stdout, result.stderr) == ("SUCCESS!\n", "")


@pytest.mark.parametrize("options", [("--timing=unit",), ("--shuffle-seed=7",)])
def test_results_do_not_depend_on_time_or_choice(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert run(tmp_path, "scale", "wse2", options=options).stdout == "SUCCESS!\n"


def test_the_report_names_what_was_busiest(tmp_path: Path) -> None:
    report = run(tmp_path, "scale", "wse2", options=("--report",)).stderr.splitlines()
    rows = dict(line.split("  ", 1) for line in report)
    assert rows["target"].strip() == "wse2, 3 × 1 PEs"
    assert int(rows["cycles"].replace(",", "")) > 0
    assert rows["utilisation"].strip().endswith(("PE (0, 0)", "PE (1, 0)", "PE (2, 0)"))
    assert rows["hottest router"].strip() == "no wavelet was routed"


def test_a_missing_unblock_is_reported(tmp_path: Path) -> None:
    result = run(tmp_path, "scale", "wse2", "--mistake", "hang")
    assert result.returncode == 1
    assert "deadlock: launch of 'hang' cannot complete at cycle " in result.stderr
    assert '  at run.py:32: runner.launch("hang", nonblock=False)\n' in result.stderr
    assert "Traceback" not in result.stderr


def test_the_cycle_limit_says_how_to_raise_it(tmp_path: Path) -> None:
    result = run(tmp_path, "scale", "wse2", options=("--max-cycles=50",))
    assert result.returncode == 1
    assert "more than 50 cycles" in result.stderr
    assert "--max-cycles" in result.stderr


def test_the_instruction_limit_says_how_to_raise_it(tmp_path: Path) -> None:
    result = run(tmp_path, "scale", "wse2", options=("--max-instructions=20",))
    assert result.returncode == 1
    assert "more than 20 instructions" in result.stderr
    assert "(--max-instructions)" in result.stderr
    enough = ("--max-instructions=" + "9" * 30,)
    assert run(tmp_path / "again", "scale", "wse2", options=enough).stdout == "SUCCESS!\n"


def test_a_mistake_in_the_program_stops_its_script(tmp_path: Path) -> None:
    shutil.copytree(PROGRAMS / "scale", tmp_path, dirs_exist_ok=True)
    text = (tmp_path / "pe.csl").read_text().replace("values[i] * factor", "values[i] * missing")
    (tmp_path / "pe.csl").write_text(text)
    command = [sys.executable, "-m", "pyflame.cli.cslc", "layout.csl", "--params=width:3,n:5"]
    result = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True)
    assert result.returncode == 1
    assert "pe.csl:16:29: error: " in result.stderr
    assert result.stderr.endswith("1 error\n")
    assert not (tmp_path / "out").exists()
