"""The output directory: written as a whole or not at all, and never over a stranger's files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pyflame.errors import PyFlameError

REPORT = "report.json"
"""The file that says which files of a directory are ours."""

GENERATOR = "pyflame"


def write_directory(path: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write `files` (with `REPORT` among them) into the directory `path`; returns their paths.

    Files of an earlier program of ours are replaced or removed, other files stay. Everything is
    written beside the directory first, so a failure leaves it as it was.

    Raises:
        PyFlameError: a file of somebody else is in the way, or the place cannot be written.
    """
    strange = [name for name in files if Path(name).name != name]
    if strange:
        raise PyFlameError(f"{path}: {', '.join(strange)} would be written outside of it")
    old = _ours(path)
    foreign = [name for name in files if name not in old and (path / name).exists()]
    if foreign:
        raise PyFlameError(
            f"{path}: not overwriting {', '.join(foreign)}, which PyFlame did not write; choose "
            "another output directory or remove them"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            _write(staging, files)
            _publish(staging, path, files, old)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise PyFlameError(f"{path}: cannot write the program: {error}") from error
    return [path / name for name in files]


def _ours(path: Path) -> set[str]:
    """Names of the files in `path` that an earlier program of ours consists of."""
    if path.exists() and not path.is_dir():
        raise PyFlameError(f"{path}: the output directory is a file")
    try:
        report = json.loads((path / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    if not isinstance(report, dict) or report.get("generator") != GENERATOR:
        return set()
    names = report.get("files", [])
    return {n for n in names if isinstance(n, str) and Path(n).name == n and n not in ("", "..")}


def _write(staging: Path, files: Mapping[str, bytes]) -> None:
    staging.chmod(0o755)
    for name, content in files.items():
        target = staging / name
        target.write_bytes(content)
        target.chmod(0o755 if name.endswith((".sh", ".py")) else 0o644)


def _publish(staging: Path, path: Path, files: Mapping[str, bytes], old: set[str]) -> None:
    if not path.exists():
        os.replace(staging, path)
        return
    # The report goes last: until then the old one still names every file that is ours.
    for name in sorted(files, key=lambda name: name == REPORT):
        os.replace(staging / name, path / name)
    for name in old - set(files):
        with contextlib.suppress(FileNotFoundError):
            (path / name).unlink()
