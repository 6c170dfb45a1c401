"""`pyflame-cs-python`: scripts run unmodified; whose mistake it was decides what is shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyflame.cli import cs_python
from pyflame.errors import DeadlockError
from pyflame.runtime import device as devices
from pyflame.runtime.host import session
from pyflame.runtime.host.artifact import write_artifact
from tests.runtime.host.fake import FakeDevice, make_program

SCRIPT = """
import argparse, json
import numpy as np
from cerebras.sdk.runtime.sdkruntimepybind import SdkRuntime, MemcpyDataType, MemcpyOrder
from cerebras.sdk.sdk_utils import memcpy_view
from cerebras.sdk.debug.debug_util import debug_util
from cerebras.geometry.geometry import IntVector
import neighbour

parser = argparse.ArgumentParser()
parser.add_argument("--name")
parser.add_argument("--cmaddr")
args = parser.parse_args()
with open(f"{args.name}/out.json", encoding="utf-8") as file:
    n = int(json.load(file)["params"]["N"])
runner = SdkRuntime(args.name, cmaddr=args.cmaddr)
a = runner.get_id("a")
runner.load()
runner.run()
data = np.arange(n, dtype=np.float32)
runner.memcpy_h2d(a, data, 0, 0, 1, 1, n, streaming=False, nonblock=False,
                  order=MemcpyOrder.ROW_MAJOR, data_type=MemcpyDataType.MEMCPY_32BIT)
runner.launch("main", nonblock=False)
back = np.zeros(n, np.float32)
runner.memcpy_d2h(back, a, 0, 0, 1, 1, n, streaming=False, nonblock=False,
                  order=MemcpyOrder.ROW_MAJOR, data_type=MemcpyDataType.MEMCPY_32BIT)
runner.stop()
np.testing.assert_equal(back, data)
print("SUCCESS!", neighbour.value, __name__)
"""

Run = Callable[..., int]


@pytest.fixture
def functions() -> dict[str, Any]:
    """Functions of the fake device."""
    return {}


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, functions: dict[str, Any]
) -> Iterator[Run]:
    """Runs a script text with the fake device; options before it, arguments after."""
    write_artifact(tmp_path / "out", make_program())
    (tmp_path / "neighbour.py").write_text("value = 42\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(session, "current", session.current)
    monkeypatch.setattr(session.current, "runtimes", [])

    def open_fake(directory: Path, *, program: Any, **_: Any) -> FakeDevice:
        return FakeDevice(program, functions)

    monkeypatch.setitem(devices._OPENERS, "simulator", open_fake)

    def run_script(text: str, *arguments: str, options: tuple[str, ...] = ()) -> int:
        (tmp_path / "run.py").write_text(text)
        return cs_python.main([*options, "run.py", *arguments])

    known = set(sys.modules)
    yield run_script
    for name in set(sys.modules) - known:
        if name.partition(".")[0] in ("cerebras", "neighbour"):
            del sys.modules[name]


def test_a_script_runs_as_main_beside_its_neighbours(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(SCRIPT, "--name", "out") == 0
    assert capsys.readouterr().out == "SUCCESS! 42 __main__\n"


def test_what_the_program_prints_goes_to_a_log(
    run: Run, functions: dict[str, Any], tmp_path: Path
) -> None:
    assert run(SCRIPT, "--name", "out") == 0
    assert (tmp_path / "sim.log").read_text() == "@100 hello\n"
    (tmp_path / "sim.log").unlink()

    def stuck(device: FakeDevice, arguments: object) -> None:
        device.cycles = 7
        raise DeadlockError("deadlock")

    functions["main"] = stuck
    assert run(SCRIPT, "--name", "out") == 1
    assert (tmp_path / "sim.log").read_text() == "@7 hello\n"


def test_a_log_that_cannot_be_written_is_warned_of(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sim.log").mkdir()
    with pytest.warns(RuntimeWarning, match="sim.log with 1 lines of output is not written: "):
        assert run(SCRIPT, "--name", "out") == 0
    monkeypatch.setattr(FakeDevice, "printed", lambda device: [])
    assert run(SCRIPT, "--name", "out") == 0
    assert capsys.readouterr().out == 2 * "SUCCESS! 42 __main__\n"


def test_ctrl_c_says_where_the_script_was(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("\nraise KeyboardInterrupt\n") == 130
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "interrupted"
    assert said[1].endswith("run.py:2: raise KeyboardInterrupt")


def test_the_log_of_a_silent_program_is_empty(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sim.log").write_text("of an earlier run\n")
    monkeypatch.setattr(FakeDevice, "printed", lambda device: [])
    assert run(SCRIPT, "--name", "out") == 0
    assert (tmp_path / "sim.log").read_text() == ""


def test_the_report_goes_to_stderr(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SCRIPT, "--name", "out", options=("--report",)) == 0
    assert capsys.readouterr().err == (
        "program        out\ntarget         wse2, 3 × 2 PEs\ncycles         100\n"
        "hottest queue  none\n"
    )


def test_a_mistake_of_the_script_keeps_its_traceback(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("def f():\n    assert 1 == 2, 'wrong'\nf()\n") == 1
    assert capsys.readouterr().err == (
        "Traceback (most recent call last):\n"
        '  File "run.py", line 3, in <module>\n    f()\n'
        "  File \"run.py\", line 2, in f\n    assert 1 == 2, 'wrong'\n"
        "           ^^^^^^\nAssertionError: wrong\n"
    )


def test_a_deadlock_shows_its_report_and_the_script_line(
    run: Run, functions: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def stuck(device: FakeDevice, arguments: object) -> None:
        raise DeadlockError("deadlock: PE (0, 0) waits for colour 3")

    functions["main"] = stuck
    assert run(SCRIPT, "--name", "out") == 1
    assert capsys.readouterr().err == (
        "error: deadlock: PE (0, 0) waits for colour 3\n"
        '  at run.py:23: runner.launch("main", nonblock=False)\n'
    )


def test_an_address_is_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SCRIPT, "--name", "out", "--cmaddr", "1.2.3.4:9000") == 1
    assert "cmaddr='1.2.3.4:9000': this is PyFlame's simulator" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "code"), [("import sys; sys.exit(7)", 7), ("raise SystemExit", 0), ("exit('no')", 1)]
)
def test_exit_codes_are_the_scripts(run: Run, text: str, code: int) -> None:
    assert run(text) == code


def test_commands_that_nobody_waited_for_are_an_error(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SCRIPT.replace("runner.stop()", 'runner.launch("main", nonblock=True)')
    assert run(text, "--name", "out") == 1
    assert capsys.readouterr().err == (
        "error: the script ended with 1 commands for 'out' not carried out; "
        "call stop() at its end\n"
    )


def test_a_script_without_stop_is_warned(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SCRIPT.replace("runner.stop()", ""), "--name", "out") == 0
    assert capsys.readouterr().err == (
        "warning: the script ended without stop() for 'out'; hardware stays reserved until it is "
        "called\n"
    )


def test_the_appliance_client_is_refused_but_can_be_guarded(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("from cerebras.sdk.client import SdkRuntime") == 1
    assert "import of cerebras.sdk.client: the client of Cerebras" in capsys.readouterr().err
    guarded = "try:\n    import cerebras.appliance\nexcept ImportError:\n    print('fallback')"
    assert run(guarded) == 0
    assert capsys.readouterr().out == "fallback\n"


def test_a_trace_is_written_whatever_the_script_did(run: Run, tmp_path: Path) -> None:
    assert run("", options=("--trace", "one.html")) == 0
    assert run("raise SystemExit(3)", options=("--trace", "two.html")) == 3
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_trace_that_cannot_be_written_is_an_error(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("", options=("--trace", "absent/t.html")) == 1
    assert "error: --trace absent/t.html: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ("--trace-window", "0:9"),
        ("--trace-pes", "0,0,1,1"),
        ("--trace=t.html", "--trace-window", "9:9"),
        ("--trace=t.html", "--trace-window", "9"),
        ("--trace=t.html", "--trace-pes", "0,0,0,1"),
        ("--trace=t.html", "--trace-pes", "0,0,1"),
    ],
)
def test_details_are_chosen_for_a_trace_only(run: Run, options: tuple[str, ...]) -> None:
    try:
        code = run("", options=options)
    except SystemExit as stop:
        code = stop.code
    assert code == 2


def test_usage_errors_exit_2(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert cs_python.main(["missing.py"]) == 2
    assert capsys.readouterr().err == "error: missing.py: no such script\n"
    with pytest.raises(SystemExit) as stop:
        cs_python.main(["--timing=fast", "run.py"])
    assert stop.value.code == 2


def test_the_emulated_packages_exist_only_in_such_runs() -> None:
    code = "import importlib.util as u; assert u.find_spec('cerebras') is None"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_needs_neither_compiler_nor_machine() -> None:
    code = (
        "import sys\nfrom pyflame.cli import cs_python, cslc, sdk\n"
        "for tool in (cs_python, cslc, sdk): tool._parser().format_help()\n"
        "assert 'numba' not in sys.modules and 'xdsl' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
