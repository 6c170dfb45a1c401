"""`pyflame-sdk`: the SDK's names on PATH, exit codes and signals passed on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SDK = [sys.executable, "-m", "pyflame.cli.sdk"]


def run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SDK, *command], capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip


def test_the_tools_are_found_under_the_names_of_the_sdk() -> None:
    result = run("--", "sh", "-c", "cslc --help && cs_python --help")
    assert result.returncode == 0
    assert "usage: pyflame-cslc" in result.stdout
    assert "usage: pyflame-cs-python" in result.stdout


def test_the_launchers_are_gone_afterwards() -> None:
    path = run("--", "sh", "-c", "command -v cslc").stdout.strip()
    assert Path(path).name == "cslc"
    assert not Path(path).parent.exists()


def test_options_reach_every_cs_python() -> None:
    result = run(
        "--timing=unit", "--shuffle-seed=3", "--max-cycles=9", "--max-instructions=8", "--report",
        "--report-json=/r.json",
        "--", "sh", "-c", "tail -1 \"$(command -v cs_python)\"",
    )  # fmt: skip
    assert result.stdout.endswith(
        " -P -m pyflame.cli.cs_python --timing=unit --shuffle-seed=3 --max-cycles=9"
        ' --max-instructions=8 --report --report-json=/r.json "$@"\n'
    )


def test_files_of_the_program_do_not_replace_python_modules(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text("import sys; print(sys.argv[1:])")
    (tmp_path / "runpy.py").write_text("raise SystemExit('shadowed')")
    result = run("--", "cs_python", "run.py", "--x", cwd=tmp_path)
    assert (result.stdout, result.returncode) == ("['--x']\n", 0)


def test_scripts_keep_the_users_python_path(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "mine.py").write_text("value = 1")
    (tmp_path / "run.py").write_text("import mine; print(mine.value)")
    result = run("--", "env", "PYTHONPATH=modules", "cs_python", "run.py", cwd=tmp_path)
    assert (result.stdout, result.stderr) == ("1\n", "")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sh", "-c", "exit 5"], 5),
        (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM),
        (["no-such-command"], 127),
        ([], 2),
    ],
)
def test_exit_codes_are_passed_through(command: list[str], code: int) -> None:
    assert run("--", *command).returncode == code


def test_a_signal_reaches_the_whole_command() -> None:
    script = "trap 'exit 3' TERM; sh -c 'echo ready; exec sleep 60' & wait"
    command = [*SDK, "--", "sh", "-c", script]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 3
        assert process.stdout.read() == ""  # the sleep has ended too: nobody holds the pipe


def test_sdk_debug_shell_compiles_and_refuses_the_rest() -> None:
    result = run("--", "sdk_debug_shell", "compile", "--help")
    assert "usage: pyflame-cslc" in result.stdout
    result = run("--", "sdk_debug_shell", "visualize", "--artifact_dir", ".")
    assert result.returncode == 1
    assert result.stderr == (
        "error: sdk_debug_shell visualize: not supported; PyFlame has the compile subcommand "
        "only. pyflame-cs-python --report shows what a run did\n"
    )
