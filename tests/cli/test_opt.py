"""`pyflame-opt` from the outside: exit codes, messages, and what it leaves on disk."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from pyflame.cli.opt import main
from pyflame.version import __version__

GOOD = "func.func @f(%a: i32) -> i32 {\n  %b = arith.addi %a, %a : i32\n  return %b : i32\n}\n"
BAD = 'func.func @f(%a: f32) {\n  "arith.addi"(%a, %a) : (f32, f32) -> f32\n  return\n}\n'
SYNTAX = "func.func @f( {\n}\n"


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.mlir"
    path.write_text(GOOD)
    return str(path)


def write(folder: Path, text: str) -> str:
    path = folder / "input.mlir"
    path.write_text(text)
    return str(path)


def test_a_module_is_printed(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([good]) == 0
    out, err = capsys.readouterr()
    assert "arith.addi" in out and err == ""


def test_passes_run_in_order(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-p", "canonicalize,cse", "--print-between-passes", "--time-passes", good]) == 0
    err = capsys.readouterr().err
    assert [line.split()[1] for line in err.splitlines() if line.startswith("Pass")] == [
        "canonicalize",
        "cse",
    ]
    assert err.count("IR after") == 1 and "// -----// IR after canonicalize //----- //" in err


def test_a_pipeline_may_have_the_form_of_mlir(
    good: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = "builtin.module(canonicalize, printf-to-llvm)"
    assert main(["--pass-pipeline", spec, "--time-passes", good]) == 0
    assert "Pass printf-to-llvm" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "canonicaliz"], "no pass is called 'canonicaliz'; did you mean 'canonicalize'"),
        (["-p", "qqq,cse,www"], "no pass is called 'qqq'; see --list-passes\nno pass is called 'w"),
        (["-p", "canonicalize{x=1}"], "pass 'canonicalize': Provided arguments"),
        (["-p", "cse{"], "Expected argument name here"),
        (["-p", "cse", "--pass-pipeline", "cse"], "exclude each other"),
        (["--pass-pipeline", "builtin.module(cse,func.func(dce))"], "func.func(…): a pass works"),
        (["-t", "nosuch"], "invalid choice: 'nosuch'"),
        (["--nosuch"], "unrecognized arguments: --nosuch"),
        (["--max-nesting", "0"], "--max-nesting is '0'; expected a whole number from 1 to 2000"),
        (["--seed", "x"], "invalid int value"),
    ],
)
def test_a_wrong_command_line_ends_with_2(
    arguments: list[str], message: str, good: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main([*arguments, good])
    except SystemExit as stop:  # argparse's own errors
        code = stop.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(("text", "place"), [(BAD, "2:3"), (SYNTAX, "1:15")])
def test_a_mistake_in_the_file_ends_with_1_and_its_place(
    text: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, text)
    assert main([path]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{path}:{place}: error: ")
    assert err.rstrip("\n").splitlines()[-1].strip(" ") == "^"


def test_files_that_cannot_be_read_or_written_are_named(
    good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.mlir")]) == 1
    assert main([str(tmp_path)]) == 1
    assert main([good, "-o", str(tmp_path / "no" / "out.mlir")]) == 1
    assert main([good, "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}/none.mlir: error: cannot read this file: No such file or directory",
        f"{tmp_path}: error: cannot read this file: Is a directory",
        f"{tmp_path}/no/out.mlir: error: cannot write this file: No such file or directory",
        f"{tmp_path}: error: cannot write this file: Is a directory",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["good.mlir"]


def test_an_output_file_is_written_whole_or_not_at_all(good: str, tmp_path: Path) -> None:
    out = tmp_path / "out.mlir"
    assert main([good, "-o", str(out)]) == 0
    before = out.read_text()
    assert "arith.addi" in before
    assert main([write(tmp_path, BAD), "-o", str(out)]) == 1
    assert out.read_text() == before


def test_a_module_is_read_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([], ["-"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
        assert main(arguments) == 1
        assert capsys.readouterr().err.startswith("<stdin>:2:3: error: 'arith.addi' op")


def test_chunks_are_separate_and_keep_their_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, f"{GOOD}// -----\n{BAD}// -----\n{GOOD}// -----\n{SYNTAX}")
    assert main(["--split-input-file", path]) == 1
    out, err = capsys.readouterr()
    assert out.count("arith.addi") == 2 and out.count("// -----") == 3
    assert f"{path}:7:3: error: 'arith.addi'" in err
    assert f"{path}:16:15: error: Expected argument or type" in err


def test_verify_diagnostics_prints_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, BAD)
    assert main(["--verify-diagnostics", path]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{path}:2:3: error: 'arith.addi' op") and err == ""


@pytest.mark.parametrize(
    ("comment", "code"),
    [
        ("// expected-error @+1 {{'arith.addi' op does not verify}}", 0),
        ("// expected-error @below {{does not verify}}", 0),
        ("// expected-error @+1 {{something else}}", 1),
        ("// expected-error {{does not verify}}", 1),
        ("// expected-error @unknown {{does not verify}}", 1),
        ("// expected-error @+1 {{not verify}} expected-error @+3 {{more}}", 1),
    ],
)
def test_expected_errors_are_compared_with_those_found(
    comment: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, BAD.replace("\n", f"\n  {comment}\n", 1))
    assert main(["--verify-diagnostics", path]) == code
    err = capsys.readouterr().err
    assert ("expected error was not produced" in err) == (code == 1)


def test_an_unexpected_error_beside_an_expected_one_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, f"// expected-error @+2 {{{{not verify}}}}\n{BAD}{BAD}")
    assert main(["--verify-diagnostics", path]) == 1
    assert f"{path}:7:3: error: unexpected error: 'arith.addi' op" in capsys.readouterr().err


def test_a_pass_that_raises_ends_with_its_name_and_no_traceback(
    good: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from xdsl.transforms.canonicalize import CanonicalizePass

    def fail(*_: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(CanonicalizePass, "apply", fail)
    assert main(["-p", "canonicalize", good]) == 1
    err = capsys.readouterr().err
    assert err == f"{good}: error: pass 'canonicalize' failed: KeyError: 'lost'\n"


def test_a_module_that_a_pass_breaks_is_shown_with_the_pass(
    good: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.dialects.func import FuncOp
    from xdsl.transforms.canonicalize import CanonicalizePass

    def drop_terminator(_: object, ctx: Context, op: ModuleOp) -> None:
        function = op.body.block.first_op
        assert isinstance(function, FuncOp) and function.body.block.last_op is not None
        function.body.block.erase_op(function.body.block.last_op)

    monkeypatch.setattr(CanonicalizePass, "apply", drop_terminator)
    assert main(["-p", "canonicalize", good]) == 1
    err = capsys.readouterr().err
    assert f"{good}:1:1: error: the module is broken after pass 'canonicalize'" in err
    assert f"{good}:2:3: error: 'arith.addi' op does not verify" in err


def test_every_pass_has_a_line_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-passes"]) == 0
    names = capsys.readouterr().out.splitlines()
    assert "canonicalize" in names and names == sorted(names)


def test_the_version_names_pyflame_and_xdsl(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"pyflame-opt {__version__} (xdsl 0.")


def tool(shell: str, good: str) -> subprocess.CompletedProcess[str]:
    command = f"'{sys.executable}' -m pyflame.cli.opt"
    return subprocess.run(
        ["bash", "-c", shell.replace("OPT", command).replace("FILE", good)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_reader_that_stops_reading_ends_the_tool_quietly(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + 'module attributes {a = "' + "x" * 300_000 + '"} {}\n')
    done = tool("OPT FILE | head -c 1; exit ${PIPESTATUS[0]}", path)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("shell", "code", "message"),
    [
        ("OPT FILE >/dev/full", 1, "cannot write to standard output: No space left on device"),
        ("OPT FILE >&-", 1, "standard output is closed"),
        ("OPT <&-", 2, "no input file is given and standard input is closed"),
        ("OPT FILE -o /dev/full", 1, "/dev/full: error: cannot write this file: No space left"),
        ("PYFLAME_MAX_TOKENS=3 OPT FILE", 1, "over 3 tokens;"),
        ("PYFLAME_MAX_TOKENS=x OPT FILE", 2, "PYFLAME_MAX_TOKENS is 'x'; expected a whole number"),
        ("PYFLAME_TRACEBACK=1 OPT /none", 1, "Traceback"),
    ],
)
def test_streams_and_variables(shell: str, code: int, message: str, good: str) -> None:
    done = tool(shell, good)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert ("Traceback" in done.stderr) == ("TRACEBACK" in shell)


def test_starting_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pyflame.cli.opt import main\n"
        "main(['--list-passes'])\n"
        "print({'numba', 'onnx', 'scipy', 'sklearn'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"
