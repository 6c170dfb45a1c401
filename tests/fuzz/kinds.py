"""Kinds of cases, and batches of them that repeat from their seed."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from pyflame.runtime.csl import compile_program
from pyflame.runtime.host.artifact import write_artifact
from tests.fuzz import artefacts, calls, corpus, mutate
from tests.fuzz.cases import Case, Outcome, judge, ready
from tests.fuzz.grammar import SYNTAX, TYPED, Grammar, files


@dataclass
class Batch:
    """`count` cases of one kind, made in `folder`; `report` is told of each by its number.

    `most` bounds the corpus of valid programs.
    """

    kind: str
    seed: int
    count: int
    folder: Path
    report: Callable[[int, Case, Outcome], None]
    most: int = 10_000

    def fresh(self, contents: Mapping[str, str | bytes]) -> Path:
        """An empty folder that holds `contents`."""
        place = self.folder / "case"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name, content in contents.items():
            data = content.encode("utf-8", "replace") if isinstance(content, str) else content
            (place / name).write_bytes(data)
        return place

    def judged(self, number: int, case: Case, place: Path) -> None:
        """Carry out a case and report it."""
        with contextlib.redirect_stdout(io.StringIO()):
            outcome = judge(case, place)
        self.report(number, case, outcome)


Program = Mapping[str, str]


def _arch(rng: random.Random) -> str:
    return rng.choice(["wse2", "wse3"])


# From the grammar, by Hypothesis

_UNCHECKED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def _derived(batch: Batch, strategy: st.SearchStrategy, use: Callable[[int, object], None]) -> None:
    """Draw from `strategy` as often as the batch says."""
    number = 0

    @seed(batch.seed)
    @settings(
        max_examples=batch.count, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=_UNCHECKED,
    )  # fmt: skip
    @given(strategy)
    def draw(value: object) -> None:
        nonlocal number
        use(number, value)
        number += 1

    draw()


def _grammar(grammar: Grammar, action: str, size: int) -> Callable[[Batch], None]:
    def run(batch: Batch) -> None:
        def use(number: int, text: object) -> None:
            place = batch.fresh({"layout.csl": corpus.ONE, "pe.csl": str(text)})
            arch = "wse2" if number % 2 else "wse3"
            batch.judged(number, Case(action, arch, thorough=number % 10 == 0), place)

        _derived(batch, files(grammar, size), use)

    return run


# From valid programs


def _programs(change: Callable[[bytes, random.Random], bytes]) -> Callable[[Batch], None]:
    """One file of a program spoiled, its layout now and then."""

    def run(batch: Batch) -> None:
        rng = random.Random(batch.seed)
        for number in range(batch.count):
            entry = rng.choice(corpus.programs(batch.most))
            texts: dict[str, str | bytes] = dict(entry.files)
            name = rng.choice([*[n for n in texts if texts[n]], "pe.csl"])
            texts[name] = change(entry.files[name].encode(), rng)
            origin, thorough = f"{entry.origin}: {name}", rng.random() < 0.1
            case = Case("both", _arch(rng), origin, thorough, entry.params)
            batch.judged(number, case, batch.fresh(texts))

    return run


def _modules(batch: Batch) -> None:
    """A file that does not compile alone, spoiled: it is read, and compiled as a PE's code."""
    rng = random.Random(batch.seed)
    for number in range(batch.count):
        name, text = rng.choice(corpus.modules())
        if rng.random() < 0.5:
            content: str | bytes = mutate.tokens(text, rng)
        else:
            content = mutate.changed_bytes(text.encode(), rng)
        place = batch.fresh({"layout.csl": corpus.ONE, "pe.csl": content})
        batch.judged(number, Case("both", _arch(rng), name), place)


def _changed_tokens(content: bytes, rng: random.Random) -> bytes:
    return mutate.tokens(content.decode(), rng).encode("utf-8", "replace")


# Compiled directories and the host's calls


@cache
def _compiled(folder: Path, number: int, most: int) -> Path:
    entry = corpus.programs(most)[number]
    place = folder / f"compiled{number}"
    place.mkdir(parents=True, exist_ok=True)
    for name, text in entry.files.items():
        (place / name).write_text(text, encoding="utf-8")
    layout = place / "layout.csl"
    program = compile_program(layout, params=entry.params, comptime_limit=100_000)
    write_artifact(place / "out", program)
    return place / "out"


def _artefacts(batch: Batch) -> None:
    rng = random.Random(batch.seed)
    for number in range(batch.count):
        chosen = rng.randrange(len(corpus.programs(batch.most)))
        out = _compiled(batch.folder, chosen, batch.most)
        place = batch.fresh({path.name: path.read_bytes() for path in out.iterdir()})
        origin = corpus.programs(batch.most)[chosen].origin
        with contextlib.suppress(Exception):  # The second change may meet what the first spoiled.
            artefacts.spoil(place, rng)
        batch.judged(number, Case("artefact", origin=origin), place)


@cache
def _scale(folder: Path) -> Path:
    source = corpus.ROOT / "tests/runtime/host/programs/scale/layout.csl"
    program = compile_program(source, params={"width": 2, "n": 4})
    write_artifact(folder / "scale", program)
    return folder / "scale"


def _host(batch: Batch) -> None:
    ready()
    compiled = _scale(batch.folder.resolve())
    place = batch.fresh({}).resolve()

    def use(number: int, value: object) -> None:
        ready, script = value  # type: ignore[misc]
        text = "\n".join(str(call) for call in script)
        case = Case("calls", origin=f"ready={ready}\n{text}")
        before = Path.cwd()
        os.chdir(place)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                ends = calls.perform(compiled, ready, script)
        except calls.WrongError as error:
            batch.report(number, case, Outcome("called", "WrongError", str(error)))
        else:
            batch.report(number, case, Outcome("called", next(filter(None, ends), "")))
        finally:
            os.chdir(before)

    _derived(batch, calls.scripts(), use)


@dataclass(frozen=True)
class Kind:
    """`share` of all cases, in hundredths; `run` carries out a batch."""

    share: int
    run: Callable[[Batch], None]


KINDS: dict[str, Kind] = {
    "syntax": Kind(25, _grammar(SYNTAX, "both", 80)),
    "typed": Kind(6, _grammar(TYPED, "both", 60)),
    "tokens": Kind(20, _programs(_changed_tokens)),
    "bytes": Kind(30, _programs(mutate.changed_bytes)),
    "modules": Kind(9, _modules),
    "artefacts": Kind(5, _artefacts),
    "host": Kind(5, _host),
}
"""Every kind of case by name."""
