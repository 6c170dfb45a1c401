"""``python -m tests.fuzz``: many cases in several processes, counted, until one fails.

``make fuzz CASES=100000 JOBS=2 SEED=1``. Every failing case is kept in a folder with its files and
the text of the failure; ``python -m tests.fuzz --replay FOLDER`` carries it out again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.cases import Case, judge
from tests.fuzz.kinds import KINDS
from tests.fuzz.processes import Run


def _table(counts: Counter[tuple[str, str, str]]) -> str:
    """Cases by kind, by the stage they came to and by what ended them."""
    lines = []
    for kind in KINDS:
        own = {key: n for key, n in counts.items() if key[0] == kind}
        lines += [f"{kind}: {sum(own.values())}"] if own else []
        for (_, stage, error), number in sorted(own.items(), key=lambda item: -item[1]):
            lines.append(f"  {number:7d}  {stage:9s} {error and f'then {error}'}".rstrip())
    return "\n".join(lines)


def replay(folder: Path) -> int:
    """Carry out the kept case in `folder` again."""
    case = Case(**json.loads((folder / "case.json").read_text()))
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(folder, place, dirs_exist_ok=True)
        outcome = judge(case, Path(place))
    print(outcome.failure or f"{outcome.stage} {outcome.error}")
    return bool(outcome.failure)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--failures", type=int, default=1, help="stop after so many")
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"))
    parser.add_argument("--replay", type=Path, help="a folder that a failure was kept in")
    options = parser.parse_args()
    if options.replay:
        return replay(options.replay)
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    begun = time.monotonic()
    run = Run(options.folder, options.cases, options.jobs, options.seed, options.kinds)
    try:
        run.wait(options.failures)
    except KeyboardInterrupt:
        run.stop()
        print("stopped; so far:")
    print(_table(run.counts))
    seconds, memory = time.monotonic() - begun, max(run.memory, default=0)
    print(
        f"{run.counts.total()} cases, {len(run.failures)} failures, seed {options.seed}, "
        f"{seconds:.0f} s, most memory of a process {memory} MB"
    )
    return bool(run.failures)


if __name__ == "__main__":
    sys.exit(main())
