"""`pyflame-cslc`: flags of `cslc`, diagnostics, and the directory it leaves."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pyflame.cli import cslc
from pyflame.errors import ParseError
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.host.artifact import read_artifact
from tests.runtime.host.fake import make_program


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Replaces the front end; the dictionary records how it was called and what it returns."""
    record: dict[str, Any] = {"result": make_program()}

    def compile_program(layout: Path, **options: Any) -> Program:
        record.update(options, layout=layout)
        if isinstance(record["result"], Exception):
            raise record["result"]
        return record["result"]

    module = ModuleType("pyflame.runtime.csl")
    module.compile_program = compile_program  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyflame.runtime.csl", module)
    monkeypatch.chdir(tmp_path)
    return record


@pytest.mark.parametrize(
    "flags",
    [
        "--arch=wse3 ./layout.csl --fabric-dims=10,4 --fabric-offsets=4,1 --params=M:4,N:0x6 "
        "--params=K:7 -o out --memcpy --channels=1 --width-west-buf=0 --width-east-buf=0",
        "./layout.csl --arch wse3 --fabric-dims 10,4 --fabric-offsets 4,1 --params M:4,N:6,K:7 "
        "-o=out --memcpy --channels 1 --verbose",
    ],
)
def test_flags_are_those_of_cslc(compiled: dict[str, Any], flags: str) -> None:
    assert cslc.main(flags.split()) == 0
    assert compiled["layout"] == Path("layout.csl")
    assert compiled["arch"] == "wse3"
    assert compiled["params"] == {"M": 4, "N": 6, "K": 7}
    assert (compiled["fabric_dims"], compiled["fabric_offsets"]) == ((10, 4), (4, 1))
    assert read_artifact(Path("out")).width == 3


def test_the_f16_format_and_the_limits_reach_the_compiler(compiled: dict[str, Any]) -> None:
    flags = "layout.csl --fp16-format=bfloat16 --max-inlined-iterations 9 --max-comptime-steps=8000"
    assert cslc.main(flags.split()) == 0
    assert compiled["fp16_format"] == "bfloat16"
    assert (compiled["inline_limit"], compiled["comptime_limit"]) == (9, 8000)


def test_colors_are_params_too(compiled: dict[str, Any]) -> None:
    assert cslc.main(["layout.csl", "--colors=c:8,d:9", "--params=N:1"]) == 0
    assert compiled["params"] == {"N": 1, "c": 8, "d": 9}
    assert json.loads(Path("out/out.json").read_text())["colors"] == {"c": "8", "d": "9"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            "--fabric-dims=9,4 --fabric-offsets=4,1 --memcpy",
            "error: --fabric-dims=9,4 is too small for a rectangle of 3 × 2 PEs at 4,1; expected "
            "at least --fabric-dims=10,4\n",
        ),
        (
            "--fabric-dims=12,4 --fabric-offsets=7,1 --memcpy",
            "error: --fabric-dims=12,4 is too small for a rectangle of 3 × 2 PEs at 7,1; expected "
            "at least --fabric-dims=13,4\n",
        ),
        (
            "--fabric-dims=10,4 --fabric-offsets=1,1 --memcpy",
            "error: --fabric-offsets=1,1: with --memcpy expected at least "
            "--fabric-offsets=4,1\n",
        ),
        (
            "--fabric-dims=800,4 --fabric-offsets=4,1",
            "error: --fabric-dims=800,4: a wse2 has 757 × 996 PEs\n",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    compiled: dict[str, Any], capsys: pytest.CaptureFixture[str], flags: str, message: str
) -> None:
    assert cslc.main(["layout.csl", *flags.split()]) == 1
    assert capsys.readouterr().err == message
    assert not Path("out").exists()


def test_a_mistake_in_the_program_exits_1(
    compiled: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    compiled["result"] = ParseError("layout.csl:1:1: expected a declaration")
    assert cslc.main(["layout.csl"]) == 1
    assert capsys.readouterr().err == "error: layout.csl:1:1: expected a declaration\n"


@pytest.mark.parametrize(
    "flags",
    ["", "--nonsense layout.csl", "layout.csl --params=N", "layout.csl --params=N:x",
     "layout.csl --fabric-dims=9", "layout.csl --channels=17", "layout.csl --arch=wse1",
     f"layout.csl --params=N:{'9' * 5000}"],
)  # fmt: skip
def test_usage_errors_exit_2(compiled: dict[str, Any], flags: str) -> None:
    with pytest.raises(SystemExit) as stop:
        cslc.main(flags.split())
    assert stop.value.code == 2


def test_an_output_that_cannot_be_written_is_reported(
    compiled: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out").write_text("a file")
    assert cslc.main(["layout.csl"]) == 1
    assert capsys.readouterr().err == (
        "error: cannot write -o out: it is a file; expected the name of a directory\n"
    )
