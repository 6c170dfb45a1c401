"""Public CSL programs, from a local checkout, survive the way to `csl_source` and back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyflame.cli import cslc
from pyflame.compiler.csl_source import export_program, import_program
from pyflame.compiler.csl_source.importing import import_module
from pyflame.dialects.guard import parse_module
from pyflame.dialects.guard.limits import Limits
from pyflame.runtime.csl import parse
from tests.compiler.csl_source_programs import printed, program_of_files

CHECKOUT = os.environ.get("PYFLAME_CSL_EXAMPLES")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHECKOUT is None, reason="PYFLAME_CSL_EXAMPLES names no checkout"),
]

STUB = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([os.getcwd(), *sys.argv[1:]]) + "\\n")
"""

NESTED = Limits(max_nesting=600)
"""Room for what a deep CSL file becomes."""


CLOSED = ("fft-3d",)
"""Programs that import a library module that is not public: they compile nowhere but there."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("public") / "checkout"
    shutil.copytree(str(CHECKOUT), copy, ignore=shutil.ignore_patterns(".git"))
    return copy


def compiles(checkout: Path, arch: str) -> Iterator[list[str]]:
    """What the commands files give to cslc: the folder, and the arguments."""
    tools = checkout.parent / f"bin-{arch}"
    tools.mkdir()
    log = tools / "log"
    log.touch()
    for name, target in (("cslc", log), ("cs_python", Path(os.devnull))):
        (tools / name).write_text(STUB.format(python=sys.executable, log=str(target)))
        (tools / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    for script in sorted(checkout.rglob(f"commands_{arch}.sh")):
        subprocess.run(
            ["bash", script.name], cwd=script.parent, env=environment, check=False,
            timeout=60, capture_output=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    for line in log.read_text().splitlines():
        yield json.loads(line)


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_every_program_survives(checkout: Path, arch: str) -> None:
    faults: list[str] = []
    count = 0
    for folder, *words in compiles(checkout, arch):
        flags = cslc._parser().parse_args(words)
        count += 1
        try:
            survives(Path(folder), flags)
        except Exception as error:
            if Path(folder).name in CLOSED and "there is no library <" in str(error):
                continue
            shown = Path(folder).relative_to(checkout)
            faults.append(f"{shown} {' '.join(words)}: {type(error).__name__}: {error}")
    assert count > 30
    assert faults == []


def survives(folder: Path, flags: object) -> None:
    """The exported files have the trees of those that the program is made of."""
    groups = [*flags.params, *flags.colors]  # type: ignore[attr-defined]
    params = {k: v for group in groups for k, v in group.items()}
    paths = [folder / path for path in flags.import_path]  # type: ignore[attr-defined]
    layout = (folder / flags.layout).resolve()  # type: ignore[attr-defined]
    imported = import_program(layout, arch=flags.arch, params=params, import_paths=paths)  # type: ignore[attr-defined]
    text = printed(imported.module)
    module = parse_module(text, limits=NESTED)
    assert printed(module) == text
    texts = export_program(module)
    top = next(iter(module.body.block.ops))
    name: str = top.layout.data  # type: ignore[attr-defined]
    root = Path(str(layout).removesuffix(name))
    for path, exported in texts.items():
        assert parse(exported).decls == parse((root / path).read_text("utf-8")).decls, path


@pytest.mark.timeout(3000)
def test_every_file_survives(checkout: Path) -> None:
    """Also the files that no commands file reaches; only their grammar is checked."""
    files = sorted(checkout.rglob("*.csl"))
    assert files
    for path in files:
        parsed = parse(path.read_text("utf-8"), str(path))
        module = program_of_files(import_module(parsed, "f.csl"))
        for generic in (False, True):
            again = parse_module(printed(module, generic), limits=NESTED)
            assert parse(export_program(again)["f.csl"]).decls == parsed.decls, path
