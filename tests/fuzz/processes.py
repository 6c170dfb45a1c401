"""Processes that carry out batches of cases, and what they tell of them."""

from __future__ import annotations

import json
import multiprocessing
import resource
import shutil
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from queue import Empty
from typing import Any

from tests.fuzz.cases import Case, Outcome
from tests.fuzz.kinds import KINDS, Batch

BATCH = 200
"""Cases of one seed."""
SILENCE = 300
"""Seconds without a word after which a process is taken to hang."""
MEMORY = 8 << 30
"""Bytes of address space that a process may have."""


def plan(cases: int, seed: int, kinds: list[str]) -> list[tuple[str, int, int]]:
    """Batches (kind, seed, count), the kinds mixed, `cases` in all."""
    total = sum(KINDS[kind].share for kind in kinds)
    batches = []
    for kind in kinds:
        left = -(-cases * KINDS[kind].share // total)
        many = -(-left // BATCH)
        for number in range(many):
            place = (number + 0.5) / many
            batches.append((place, kind, seed * 1_000_000 + number, min(BATCH, left)))
            left -= BATCH
    return [(kind, own, count) for _, kind, own, count in sorted(batches)]


def work(name: int, folder: Path, tasks: Any, results: Any) -> None:
    """A process: carries out batches until there are none."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    own = folder / f"process{name}"
    counts: Counter[tuple[str, str, str]] = Counter()
    told = time.monotonic()

    while (task := tasks.get()) is not None:
        kind, seed, count = task
        results.put(("begin", name, task))

        def report(number: int, case: Case, outcome: Outcome, task: Any = task) -> None:
            nonlocal told
            counts[task[0], outcome.stage, outcome.error] += 1
            if outcome.failure:
                results.put(("failure", name, _kept(own, task, number, case, outcome)))
            if time.monotonic() - told > 1:
                told = time.monotonic()
                results.put(("counts", name, dict(counts)))
                counts.clear()

        KINDS[kind].run(Batch(kind, seed, count, own, report))
    results.put(("counts", name, dict(counts)))
    results.put(("end", name, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10))


def _kept(own: Path, task: Any, number: int, case: Case, outcome: Outcome) -> str:
    """Keep the files of a failing case; the folder's name."""
    folder = own.parent / f"{task[0]}-{task[1]}-{number}"
    shutil.copytree(own / "case", folder, dirs_exist_ok=True)
    (folder / "case.json").write_text(json.dumps(asdict(case), indent=2))
    (folder / "failure.txt").write_text(outcome.failure)
    return str(folder)


class Run:
    """The processes and what they have told so far."""

    def __init__(self, folder: Path, cases: int, jobs: int, seed: int, kinds: list[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self.tasks, self.results = context.Queue(), context.Queue()
        self.total = 0
        for batch in plan(cases, seed, kinds):
            self.tasks.put(batch)
            self.total += batch[2]
        self.folder = folder
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.failures: list[str] = []
        self.memory: list[int] = []
        self.begun: dict[int, tuple[float, Any]] = {}
        self.workers = {}
        for name in range(jobs):
            self.tasks.put(None)
            worker = context.Process(target=work, args=(name, folder, self.tasks, self.results))
            worker.start()
            self.workers[name] = worker

    def wait(self, most_failures: int) -> None:
        """Until every process has ended, or there are too many failures."""
        begun = shown = time.monotonic()
        while self.workers and len(self.failures) < most_failures:
            self._listen()
            now = time.monotonic()
            if now - shown > 10:
                shown = now
                done = self.counts.total()
                print(f"{now - begun:6.0f} s  {done} of {self.total} cases, "
                      f"{len(self.failures)} failures", flush=True)  # fmt: skip
        self.stop()

    def stop(self) -> None:
        """End the processes that still run."""
        for worker in self.workers.values():
            worker.terminate()

    def _listen(self) -> None:
        try:
            what, name, value = self.results.get(timeout=1)
        except Empty:
            self._look()
            return
        self.begun[name] = time.monotonic(), self.begun.get(name, (0, None))[1]
        if what == "begin":
            self.begun[name] = time.monotonic(), value
        elif what == "counts":
            self.counts.update(value)
        elif what == "failure":
            self.failures.append(value)
            print(f"failure: {value}", flush=True)
        elif what == "end":
            self.memory.append(value)
            self.workers.pop(name).join()

    def _look(self) -> None:
        """Notice processes that have crashed or hang; the files of their case are kept."""
        for name, worker in list(self.workers.items()):
            since, batch = self.begun.get(name, (time.monotonic(), None))
            quiet = time.monotonic() - since > SILENCE
            if worker.is_alive() and not quiet:
                continue
            worker.kill()
            worker.join()
            how = "hangs" if quiet else f"crashed with exit code {worker.exitcode}"
            folder, case = self.folder / f"process{name}-dead", self.folder / f"process{name}/case"
            folder.mkdir()
            if case.is_dir():
                shutil.copytree(case, folder, dirs_exist_ok=True)
            (folder / "failure.txt").write_text(f"the process {how} in batch {batch}\n")
            self.failures.append(str(folder))
            print(f"failure: {folder}: {how}", flush=True)
            del self.workers[name]
