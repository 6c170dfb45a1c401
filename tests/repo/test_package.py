"""The wheel and the source distribution: complete, alike, and usable away from the tree."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("pyflame", "pyflame_rt")
DATA = (".py", ".csl", ".css", ".html", ".js", ".json", ".md", ".toml", ".typed")


def build(source: Path, target: Path, *kinds: str) -> None:
    """Build `source` with the backend that is installed."""
    command = [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(target)]
    done = subprocess.run(
        [*command, str(source)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def contents(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel by name, apart from the list of their hashes."""
    with zipfile.ZipFile(wheel) as archive:
        return {n: archive.read(n) for n in archive.namelist() if not n.endswith("/RECORD")}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder, "--wheel", "--sdist")
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def tracked() -> list[str]:
    """The files of the packages as they stand in the tree."""
    return [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix in DATA
    ]


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    files = {name for name in contents(wheel) if ".dist-info/" not in name}
    assert files == set(tracked())


def test_the_source_distribution_builds_the_same_wheel(
    built: Path, wheel: Path, tmp_path: Path
) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
        assert not any(member.issym() for member in tar.getmembers())
    (source,) = tmp_path.iterdir()
    for name in ("README.md", "LICENSE", "Makefile", "tests", "lit_tests", "docs", "examples"):
        assert (source / name).exists(), name
    build(source, tmp_path / "dist", "--wheel")
    (again,) = (tmp_path / "dist").glob("*.whl")
    assert contents(again) == contents(wheel)


def run(installed: Path, tmp_path: Path, code: str) -> str:
    """What `code` prints when only the wheel's files are in front of the environment's."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules(installed: Path) -> list[str]:
    """The modules of the wheel, but for those that stand in for packages of the SDK."""
    paths = [
        p.relative_to(installed) for name in PACKAGES for p in (installed / name).rglob("*.py")
    ]
    return sorted(
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in paths
        if path.name != "__main__.py" and "emulated" not in path.parts
    )


def test_every_module_of_the_wheel_can_be_imported(installed: Path, tmp_path: Path) -> None:
    code = (
        f"import importlib\nfor name in {modules(installed)}: importlib.import_module(name)\n"
        "import pyflame, pyflame_rt\nprint(pyflame.__file__, pyflame_rt.__file__, sep='\\n')"
    )
    places = run(installed, tmp_path, code).splitlines()
    assert places == [str(installed / package / "__init__.py") for package in PACKAGES]


def entry_points(installed: Path) -> dict[str, dict[str, str]]:
    (path,) = installed.glob("*.dist-info/entry_points.txt")
    parser = configparser.ConfigParser()
    parser.read(path)
    return {section: dict(parser[section]) for section in parser.sections()}


def test_every_entry_point_exists(installed: Path, tmp_path: Path) -> None:
    groups = entry_points(installed)
    assert {"pyflame-opt", "pyflame-translate"} <= set(groups["console_scripts"])
    targets = [target for group in groups.values() for target in group.values()]
    code = f"from pkgutil import resolve_name\nfor t in {targets}: print(resolve_name(t))"
    assert len(run(installed, tmp_path, code).splitlines()) == len(targets)


def test_the_metadata_says_what_is_needed(installed: Path) -> None:
    (path,) = installed.glob("*.dist-info/METADATA")
    lines = path.read_text().splitlines()
    assert "License-Expression: Apache-2.0" in lines
    assert "Requires-Python: >=3.11" in lines
    assert any(line.startswith("Requires-Dist: xdsl==") for line in lines)
