"""Public programs as they are: the cycles they count here against those that were published.

`python benchmarks/published.py CHECKOUTS` expects clones of the repositories that
docs/cycle-model.md names in the folder CHECKOUTS, each under its own name. Nothing in them is
changed: each run works on an export. ``--only GLOB`` runs some groups and only prints.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from statistics import median

from table import write_table

CLOCK = 875e6
"""Cycles per second by which the stencil programs print their cycles as seconds."""


@dataclass(frozen=True)
class Point:
    """A published count: the commands that count the same here, in `folder` of the repository."""

    group: str
    machine: str
    pes: str
    repository: str
    folder: str
    commands: tuple[str, ...]
    read: Callable[[Sequence[str]], float]
    published: float


def _number(pattern: str, scale: float = 1.0) -> Callable[[Sequence[str]], float]:
    """Reads the number that the last command prints behind `pattern`."""

    def read(outputs: Sequence[str]) -> float:
        found = re.findall(pattern + r" *([\d.e+-]+)", outputs[-1])
        if not found:
            raise ValueError(f"nothing printed matches {pattern!r}:\n{outputs[-1][-2000:]}")
        return float(found[-1]) * scale

    return read


def _per_iteration(outputs: Sequence[str]) -> float:
    """Cycles of one iteration, from the reports of runs of 2 and of 4 iterations."""
    two, four = (
        float(re.findall(r"^cycles +([\d,]+)$", text, re.MULTILINE)[0].replace(",", ""))
        for text in outputs[-2:]
    )
    return (four - two) / 2


def _stencil(folder: str, shape: str, iterations: int, radius: int, seconds: float) -> Point:
    settings = f"iterations={iterations} radius={radius}"
    return Point(
        f"{shape}, tiles of 8×8",
        "WSE-3",
        "2×2",
        "stencil-cerebras",
        f"src/wse/{folder}",
        (f"{settings} bash commands.sh",),
        _number(r"Time \(device\):", CLOCK),
        seconds * CLOCK,
    )


def _throughput(iterations: int, gstencils: float) -> float:
    """Seconds that the published rate of 16×16 points means (the program's own formula)."""
    return 16 * 16 * iterations * 10e-9 / gstencils


STENCILS = (
    _stencil("1r-star2d", "star of radius 1", 1, 1, 1.0354285714285714e-06),
    _stencil("1r-star2d", "star of radius 1", 4, 1, 4.112e-06),
    _stencil("star2d", "star of radius 2", 1, 2, 2.4308571428571428e-06),
    _stencil("star2d", "star of radius 2", 3, 2, 7.270857142857143e-06),
    _stencil("star2d", "star of radius 3", 1, 3, 2.7508571428571427e-06),
    _stencil("star2d", "star of radius 3", 3, 3, 8.289142857142858e-06),
    _stencil("1r-box2d", "box of radius 1", 1, 1, _throughput(1, 1.6231884057971013)),
    _stencil("1r-box2d", "box of radius 1", 4, 1, _throughput(4, 1.631166939741489)),
    _stencil("box2d", "box of radius 3", 1, 3, 9.963428571428572e-06),
)


HEIGHTS = (1, 8, 9, 16)
"""Rows of MeshGEMM's tiles that are compared; the log has 1 to 16."""


def _mesh(checkouts: Path) -> Iterator[Point]:
    """The records of MeshGEMM's column-major logs with tiles of `HEIGHTS` rows."""
    folder = "MeshGEMM/WSE-3-col-major"
    for name in ("col-major-gemm.json", "prev_sim_res.json"):
        for e in json.loads(_show(checkouts / "WaferLLM", f"{folder}/{name}")):
            sizes = [e["P"], e["M"], e["K"], e["N"], e["L"], e.get("C", 1)]
            if name == "prev_sim_res.json" and sizes[-1] == 1:
                continue  # repeats the other log
            # The host script adds up 16-bit words of the counter, which NumPy 2 does in 16 bits:
            # what is compared ends well below that.
            if e["M"] // e["P"] not in HEIGHTS or 5 * e["mean_cycle"] > 50_000:
                continue
            work = "moves" if sizes[-1] else "no moves"
            work += f", tiles multiplied {e['L']}×" if e["L"] else " alone"
            yield Point(
                f"MeshGEMM, {e['P']} steps: {work}",
                "WSE-3",
                f"{e['P']}×{e['P']}",
                "WaferLLM",
                folder,
                (f"bash run_sim.sh {' '.join(map(str, sizes))}",),
                _number("Mean cycle count:"),
                e["mean_cycle"],
            )


MOST_PES = 64
"""Meshes of the tiled stencil beyond this are left out: their counts do not depend on the mesh."""


def _tiled(checkouts: Path) -> Iterator[Point]:
    """The tables of the tiled stencil: cycles of one iteration."""
    names = ("experiments", "experiments gpu compare", "experiments max tiling")
    seen = set()
    for name in names:
        table = _show(checkouts / "cerebras", f"tiled-stencil/{name}_results.md")
        for line in table.splitlines():
            row = re.fullmatch(r"\| (\d+)x(\d+) \| (\d+)x(\d+) \| (\d+) \| (\d+) \| (\d+) \|", line)
            if row is None:
                continue
            width, height, columns, rows, radius, *counts = map(int, row.groups())
            width += -(width - 2 * radius) % columns
            height += -(height - 2 * radius) % rows
            across = (width - 2 * radius) // columns + 2
            down = (height - 2 * radius) // rows + 2
            for arch, count in zip(("wse2", "wse3"), counts, strict=True):
                size = (arch, columns, rows, radius)
                # On WSE-3 radius 1 does not wait for its sends once tiles have four rows and
                # columns: a send may start while the one before it runs, which is a fault here.
                unsafe = arch == "wse3" and radius == 1 and min(columns, rows) >= 4
                if across * down > MOST_PES or size in seen or unsafe:
                    continue
                seen.add(size)
                build = (
                    f"cslc layout.csl --arch={arch} --fabric-dims={across + 7},{down + 2} "
                    f"--fabric-offsets=4,1 --params=w:{width},h:{height},tile_width:{columns},"
                    f"tile_height:{rows},radius:{radius} --memcpy --channels=1 -o out"
                )
                run = "cs_python run.py --name out --num-iterations"
                yield Point(
                    f"tiled stencil, radius {radius if radius < 3 else '3 to 6'}",
                    arch.upper().replace("WSE", "WSE-"),
                    "9 to 64",
                    "cerebras",
                    "tiled-stencil",
                    (build, f"{run} 2", f"{run} 4"),
                    _per_iteration,
                    count,
                )


def _untiled(checkouts: Path) -> Iterator[Point]:
    """The table of the stencil with one point for each PE: cycles of one iteration."""
    table = _show(checkouts / "cerebras", "non-tiled-tencil/experiment_results.md")
    for side, *counts in re.findall(r"\| (\d+)x\d+ \| (\d+) \| (\d+) \|", table):
        for arch, count in zip(("wse2", "wse3"), counts, strict=True):
            if int(side) > 10:
                continue
            both = []
            for steps in (2, 4):
                both += [
                    f"cslc layout.csl --arch={arch} --fabric-dims={int(side) + 7},{int(side) + 2} "
                    f"--fabric-offsets=4,1 --params=w:{side},h:{side},steps:{steps} --memcpy "
                    "--channels=1 --max-inlined-iterations=1000000 -o out "
                    "&& cs_python run.py --name out"
                ]
            yield Point(
                "stencil, one point for each PE",
                arch.upper().replace("WSE", "WSE-"),
                "9 to 100",
                "cerebras",
                "non-tiled-tencil",
                tuple(both),
                _per_iteration,
                float(count),
            )


def _solver(
    folder: str, layout: str, name: str, iterations: int, published: float, exact: bool = True
) -> Point:
    """A solver; not `exact`: its host script compares more digits than f32 rounding keeps."""
    ids = " ".join(f"--params=C{i}_ID:{i}" for i in range(9))
    build = (
        f"cd {folder} && cslc src/{layout} --arch=wse3 --fabric-dims=12,7 --fabric-offsets=4,1 "
        f"--params=width:5,height:5,MAX_ZDIM:5 --params=BLOCK_SIZE:2 {ids} "
        "-o=out --memcpy --channels=1"
    )
    run = (
        "cs_python device_run.py -m=5 -n=5 -k=5 --latestlink out --channels=1 --zDim=5 "
        f"--run-only --max-ite={iterations}{'' if exact else ' || true'}"
    )
    return Point(
        f"{name}, {iterations} iterations on 5×5×5 points",
        "WSE-3",
        "5×5",
        "csl-examples",
        "benchmarks",
        (f"{build} && {run}",),
        _number("cycles_send ="),
        published,
    )


SOLVERS = (
    _solver("power-method", "layout_power.csl", "power method", 10, 43_436, exact=False),
    _solver("conjugate-gradient", "layout_cg.csl", "conjugate gradient", 2, 11_635),
    _solver("preconditioned-conjugate-gradient", "layout_pcg.csl", "preconditioned CG", 2, 13_826),
    _solver("bicgstab", "layout_bicgstab.csl", "BiCGSTAB", 20, 59_385),
)


def _race(pe: int, published: float) -> Point:
    """PE `pe` of a row of six, where each sends one wavelet to all PEs east of it."""
    build = (
        "cslc src/layout.csl --arch=wse3 --fabric-dims=14,4 --fabric-offsets=4,1 "
        "--params=WIDTH:6,HEIGHT:1,C_BASE:0 -o out --memcpy --channels=1"
    )
    return Point(
        "data tasks of 1 to 5 wavelets",
        "WSE-3",
        "6×1",
        "CSR-graph-coloring",
        "spikes/experiments/pipelined_lww_1d_spike",
        (f"{build} && cs_python run.py --width 6 --out-dir out --summary-file summary.json",),
        _number(rf"(?m)^ +{pe} +{pe} +0x\w+ +\d+ +\d+"),
        published,
    )


RACES = tuple(_race(pe + 1, count) for pe, count in enumerate((41, 69, 100, 131, 162)))


def _show(repository: Path, path: str) -> str:
    command = ["git", "-C", str(repository), "show", f"HEAD:{path}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def simulate(point: Point, checkouts: Path) -> float:
    """Run a point's commands in an export of its folder; what they count."""
    with tempfile.TemporaryDirectory(prefix="published-") as temporary:
        export = ["git", "-C", str(checkouts / point.repository), "archive", "HEAD", point.folder]
        archive = subprocess.run(export, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(temporary, filter="data")
        outputs = []
        for command in point.commands:
            tools = [sys.executable, "-P", "-m", "pyflame.cli.sdk", "--report", "--"]
            done = subprocess.run(
                [*tools, "bash", "-c", command],
                cwd=Path(temporary) / point.folder,
                capture_output=True,
                text=True,
                errors="replace",
            )
            outputs.append(done.stdout + done.stderr)
            if done.returncode != 0:
                raise RuntimeError(f"{point.folder}: {command}:\n{outputs[-1][-2000:]}")
        return point.read(outputs)


def points(checkouts: Path) -> Iterator[Point]:
    """All points, by repository."""
    yield from STENCILS
    yield from _tiled(checkouts)
    yield from _untiled(checkouts)
    yield from _mesh(checkouts)
    yield from SOLVERS
    yield from RACES


def main() -> None:
    """Run every point; one row for each group goes into docs/cycle-model.md."""
    parser = argparse.ArgumentParser(prog="python benchmarks/published.py")
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("--only", metavar="GLOB", default="*", help="names of groups")
    options = parser.parse_args()
    errors: dict[tuple[str, str, str, str], list[float]] = {}
    counts: dict[tuple[str, str, str, str], list[tuple[float, float]]] = {}
    for point in points(options.checkouts):
        if not fnmatch(point.group, options.only):
            continue
        simulated = simulate(point, options.checkouts)
        error = simulated / point.published - 1
        print(
            f"{point.group} ({point.machine}, {point.commands[-1][-60:]}): "
            f"published {point.published:,.0f}, simulated {simulated:,.0f}, {error:+.1%}",
            flush=True,
        )
        key = (point.group, point.machine, point.pes, point.repository)
        errors.setdefault(key, []).append(error)
        counts.setdefault(key, []).append((point.published, simulated))
    if options.only != "*":
        return
    rows = [
        (
            *key[:3],
            len(found),
            _range(published for published, _ in counts[key]),
            _range(simulated for _, simulated in counts[key]),
            f"{median(found):+.1%}",
            f"{max(found, key=abs):+.1%}",
            key[3],
        )
        for key, found in errors.items()
    ]
    head = (
        *("Program", "Machine", "PEs", "Points", "Published", "Simulated"),
        *("Median error", "Largest error", "Repository"),
    )
    write_table("published", head, rows, "cycle-model.md")
    every = [abs(e) for found in errors.values() for e in found]
    head = ("Points", "Median error", "Largest error", "Above 25 %")
    total = (len(every), f"{median(every):.1%}", f"{max(every):.1%}", sum(e > 0.25 for e in every))
    write_table("published summary", head, (total,), "cycle-model.md")


def _range(values: Iterable[float]) -> str:
    found = sorted(values)
    few = f"{found[0]:,.0f}"
    return few if len(found) == 1 else f"{few} … {found[-1]:,.0f}"


if __name__ == "__main__":
    main()
