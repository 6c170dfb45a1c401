"""The trace page: everything is in it, nothing of it reaches out, hostile text stays text."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyflame.errors import LimitError
from pyflame.runtime.fabric.machine import Machine
from pyflame.runtime.fabric.trace.recorder import Recording
from pyflame.runtime.host.page import read_page, trace_page
from pyflame.runtime.host.page.payload import RunView
from pyflame.runtime.host.page.sources import find_sources
from tests.runtime.fabric.programs import chain, two_pes

PROGRAM = Path(__file__).parent / "programs" / "scale"
HOSTILE = "// </script><script>alert(1)</script><img src=x onerror=alert(2)>\n" * 40


def recorded(pes: int = 2, n: int = 5) -> Machine:
    """A recorded machine after a launch."""
    code, _ = two_pes(n) if pes == 2 else chain(pes, n)
    machine = Machine(code, recording=Recording(cells=1 << 10, nodes=64))
    machine.launch("go")
    return machine


def contents(page: str) -> tuple[dict[str, Any], bytes]:
    """The first run of a page and the sections behind the head."""
    head, sections = read_page(page)
    return json.loads(head)["runs"][0], sections


def array(place: dict[str, Any], sections: bytes) -> np.ndarray:
    """The array that stands at a place of the head."""
    return np.frombuffer(sections, place["array"], place["count"], place["at"])


def test_the_data_comes_back_as_it_was_recorded() -> None:
    machine = recorded()
    head, sections = contents(trace_page([RunView("two", machine, [("cycles", "83")])]))
    what = machine.recorded()
    assert (head["width"], head["height"], head["cycles"]) == (2, 1, what.cycles)
    assert head["facts"] == [["cycles", "83"]]
    bins = head["bins"]
    busy = array(bins["busy"], sections).reshape(2, bins["count"])
    np.testing.assert_array_equal(busy > 0, what.bins.busy > 0)
    np.testing.assert_array_equal(array(head["moves"]["time"], sections), what.moves[:, 0])
    assert array(head["spans"]["starts"], sections).tolist()[-1] == len(what.spans)
    assert "@fmovs" in head["spans"]["labels"]
    assert [link[0] for link in head["chain"]["links"]][-1] == 1


def test_the_page_refers_to_nothing_outside() -> None:
    page = trace_page([RunView("two", recorded())])
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|//[a-z]+\.|\bsrc=|\bhref=|url\(|@import|fetch\(|XMLHttp", page)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", page)
    assert not re.search(r"@(STYLE|SCRIPT|DATA)@", page)


def test_hostile_text_is_data_only(tmp_path: Path) -> None:
    machine = recorded()
    machine.program.files[:] = ["pe.csl"]
    (tmp_path / "pe.csl").write_text(HOSTILE)
    run = RunView("<b>name", machine, [("<i>fact", "</script>")], "<u>error", [tmp_path])
    page = trace_page([run])
    for text in ("alert(", "<b>", "<i>fact", "<u>"):
        assert text not in page.replace("</b>", "").replace("PyFlame <b>", "")
    assert page.count("</script>") == 2
    head, _ = contents(page)
    assert head["files"] == [{"name": "pe.csl", "text": HOSTILE}]
    assert (head["name"], head["error"]) == ("<b>name", "<u>error")


def test_equal_runs_give_equal_pages() -> None:
    first, second = (trace_page([RunView("chain", recorded(5, 20))]) for _ in range(2))
    assert first == second


def test_large_recordings_are_made_coarser_until_they_fit() -> None:
    view = RunView("chain", recorded(8, 400))
    page = trace_page([view])
    limit = len(page.encode()) - 500
    smaller = trace_page([view], limit)
    assert len(smaller.encode()) <= limit
    before, after = contents(page)[0], contents(smaller)[0]
    assert after["bins"]["shift"] > before["bins"]["shift"]
    assert after["movesUntil"] < before["movesUntil"]
    with pytest.raises(LimitError, match="--trace-window"):
        trace_page([view], 1000)


def test_only_csl_files_near_the_program_are_read(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "pe.csl").write_text("one\ntwo\n")
    (root / "notes.txt").write_text("notes\n")
    (tmp_path / "secret.csl").write_text("secret\n")
    (root / "link.csl").symlink_to(tmp_path / "secret.csl")
    names = ["pe.csl", "notes.txt", "../secret.csl", str(tmp_path / "secret.csl"), "link.csl"]
    texts = find_sources(names, [], [1] * 5, [root])
    assert texts == ["one\ntwo\n", None, None, None, None]
    assert find_sources(["pe.csl"], [], [9], [root]) == [None]
    (library,) = find_sources(["<math>"], [], [1], [])
    assert library is not None
    assert "fn sqrt" in library


def test_a_file_with_the_known_digest_is_found_anywhere(tmp_path: Path) -> None:
    (tmp_path / "project" / "src").mkdir(parents=True)
    (tmp_path / "lib.csl").write_text("compiled\n")
    digest = hashlib.sha256(b"compiled\n").hexdigest()
    roots = [tmp_path / "project"]
    assert find_sources(["../../lib.csl"], [digest], [1], roots) == ["compiled\n"]
    (tmp_path / "lib.csl").write_text("changed\n")
    assert find_sources(["../../lib.csl"], [digest], [1], roots) == [None]


def test_pes_with_one_file_and_memory_map_are_a_class() -> None:
    machine = recorded(5, 20)
    first = machine.program.images[0]
    for i, image in enumerate(machine.program.images):
        image.name, image.memory_map = f"pe.csl at ({i}, 0)", [("x", 8, 4 if i else 8)]
        image.data_end = first.data_end
    head, _ = contents(trace_page([RunView("chain", machine)]))
    assert [(c["name"], c["pes"]) for c in head["classes"]] == [
        ("pe.csl, memory 1", 1), ("pe.csl, memory 2", 4)
    ]  # fmt: skip
    assert [image["class"] for image in head["images"]] == [0] + [1] * (len(head["images"]) - 1)


def traced(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Compile and run a program with a trace in `directory`."""
    shutil.copytree(PROGRAM, directory, dirs_exist_ok=True)
    command = [sys.executable, "-P", "-m", "pyflame.cli.sdk", *options, "--", "bash", "commands.sh"]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "ARCH": "wse2"}
    return subprocess.run(
        command, cwd=directory, env=environment, text=True, capture_output=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_script_runs_and_leaves_page_and_report(tmp_path: Path) -> None:
    result = traced(tmp_path, "--report", "--trace", "trace.html")
    assert result.stdout == "SUCCESS!\n"
    for row in ("utilisation", "hottest router", "hottest queue", "critical chain"):
        assert row in result.stderr
    head, _ = contents((tmp_path / "trace.html").read_text(encoding="utf-8"))
    sources = {file["name"]: file["text"] for file in head["files"]}
    assert sources["pe.csl"] == (PROGRAM / "pe.csl").read_text()
    assert ["hottest queue", head["facts"][8][1]] in head["facts"]


def test_the_report_as_json_has_what_the_table_says(tmp_path: Path) -> None:
    result = traced(tmp_path, "--report", "--report-json", "report.json")
    assert result.returncode == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (report["format"], report["version"]) == ("pyflame-report", 1)
    (run,) = report["runs"]
    rows = dict(line.split("  ", 1) for line in result.stderr.splitlines())
    assert f"{run['cycles']:,}" == rows["cycles"].strip()
    assert rows["utilisation"].strip().startswith(f"{run['busy']['mean']:.1%} on average")
    assert run["critical_chain"]["complete"]
    assert np.array(run["pes"]["busy"]).shape == (run["height"], run["width"])
    assert np.mean(run["pes"]["busy"]) / run["cycles"] == pytest.approx(
        run["busy"]["mean"], abs=1e-6
    )


def test_a_run_that_broke_off_leaves_its_page(tmp_path: Path) -> None:
    result = traced(tmp_path, "--max-cycles=20", "--trace", "trace.html")
    assert result.returncode == 1
    head, _ = contents((tmp_path / "trace.html").read_text(encoding="utf-8"))
    assert "runs for more than 20 cycles" in head["error"]
    assert head["spans"]["starts"]["count"] == head["width"] * head["height"] + 1
