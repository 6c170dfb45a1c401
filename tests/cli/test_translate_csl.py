"""`pyflame-translate --import-csl` and `--export-csl`: files in, files out, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyflame.cli.translate import main

LAYOUT = """\
param n: u16;
const wide = n * 2;
layout {
  @set_rectangle(1, 1);
  @set_tile_code(0, 0, "pe.csl", .{ .n = wide });
}
"""
PE = "param n: u16;\nvar a = @zeros([n]f32);\n"


@pytest.fixture
def layout(tmp_path: Path) -> str:
    (tmp_path / "layout.csl").write_text(LAYOUT)
    (tmp_path / "pe.csl").write_text(PE)
    return str(tmp_path / "layout.csl")


@pytest.fixture
def module(layout: str, tmp_path: Path) -> str:
    path = str(tmp_path / "program.mlir")
    assert main(["--import-csl", layout, "--params=n:4", "-o", path]) == 0
    return path


def test_a_program_comes_back(
    module: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "again"
    assert main(["--export-csl", module, "-o", str(out)]) == 0
    assert (out / "layout.csl").read_text().replace("\n\n", "\n") == LAYOUT
    assert (out / "pe.csl").read_text().replace("\n\n", "\n") == PE
    assert capsys.readouterr().err == (
        f"pyflame-translate: note: it was checked with pyflame-cslc {out}/layout.csl "
        "--arch=wse2 --params=n:4\n"
    )


def test_the_same_program_gives_the_same_bytes(module: str, layout: str, tmp_path: Path) -> None:
    again = tmp_path / "again.mlir"
    assert main(["--import-csl", layout, "--params=n:4", "-o", str(again)]) == 0
    assert again.read_bytes() == Path(module).read_bytes()


def test_mistakes_are_shown_as_the_compiler_shows_them(
    layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(layout).write_text(LAYOUT.replace("wide }", "wild }"))
    assert main(["--import-csl", layout, "--params=n:4"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("layout.csl:5:42: error: ")


def test_warnings_of_the_check_are_shown(layout: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--import-csl", layout, "--params=n:4,m:1"]) == 0
    assert "layout.csl has no param 'm': it is ignored" in capsys.readouterr().err


def test_the_architecture_is_part_of_the_module(
    layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--import-csl", layout, "--params=n:4", "--arch=wse3"]) == 0
    assert 'program "layout.csl" arch "wse3"' in capsys.readouterr().out


def test_a_name_beyond_ascii_is_refused(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pe.csl").rename(tmp_path / "pé.csl")
    Path(layout).write_text(LAYOUT.replace("pe.csl", "pé.csl"))
    assert main(["--import-csl", layout, "--params=n:4"]) == 1
    assert "'pé.csl': a path beyond printable ASCII" in capsys.readouterr().err


def test_a_link_in_the_directory_leads_nowhere(
    module: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path(module).read_text().replace('file "pe.csl"', 'file "src/pe.csl"')
    Path(module).write_text(text)
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "src").symlink_to(tmp_path / "elsewhere")
    assert main(["--export-csl", module, "-o", str(tmp_path / "out")]) == 1
    assert "a link leads outside of" in capsys.readouterr().err
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--import-csl"], "a CSL program is read from its layout file"),
        (["--import-csl", "-"], "a CSL program is read from its layout file"),
        (["--export-csl", "MODULE"], "--export-csl needs -o DIR"),
        (["--export-csl", "--import-csl", "x"], "not allowed with argument"),
        (["--import-csl", "x.csl", "--params=n"], "'n' is not of the form name:value"),
        (["--import-csl", "x.csl", "--input-shape", "x=2"], "--input-shape is for model files"),
    ],
)
def test_a_wrong_command_line_ends_with_2(
    module: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main([module if word == "MODULE" else word for word in arguments])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert message in capsys.readouterr().err
