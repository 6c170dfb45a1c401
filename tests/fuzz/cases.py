"""One case: what is done with its files, and what counts as a failure.

A case may end in any `PyFlameError` with a message. It fails by any other exception, by a message
without text, by more than `MOST_SECONDS` of processor time or `MOST_MEGABYTES` of new memory, and
by a printed or exported file that does not read back as it was.
"""

from __future__ import annotations

import resource
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pyflame.compiler.csl_source import export_program, import_program
from pyflame.errors import PyFlameError
from pyflame.runtime.csl import compile_program
from pyflame.runtime.csl.parser import parse
from pyflame.runtime.csl.printer import print_module
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.machine import Machine
from pyflame.runtime.host.artifact import read_artifact
from pyflame.runtime.host.streams import read_streams

MOST_SECONDS = 10
MOST_MEGABYTES = 256
MOST_PES = 64
"""Programs of more PEs are compiled, but not run."""
COMPTIME_STEPS = 20_000
READY = 'layout { @set_rectangle(1, 1); @set_tile_code(0, 0, "pe.csl", .{}); }'
MOST_CYCLES = 5_000
MOST_INSTRUCTIONS = 20_000


@dataclass(frozen=True)
class Case:
    """What is done with the files of a folder; `origin` says what they were made from."""

    action: str
    arch: str = "wse2"
    origin: str = ""
    thorough: bool = False
    params: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How far a case came, `stage`, and the class of the error that ended it, or ``""``.

    `failure` is the text of what must not happen.
    """

    stage: str
    error: str = ""
    failure: str = ""


class Failure(Exception):
    """A case shows a defect."""


class TooSlow(BaseException):
    """A case took more processor time than any may; no handler of errors catches it."""


def judge(case: Case, folder: Path) -> Outcome:
    """Carry out a case on the files of `folder`."""
    ready()
    stages = ["begun"]
    before = _megabytes()
    try:
        with _watched():
            ACTIONS[case.action](case, folder, stages.append)
    except PyFlameError as error:
        failure = "" if str(error).strip() else f"{type(error).__name__} without a message"
        return Outcome(stages[-1], type(error).__name__, failure)
    except (Exception, TooSlow) as error:
        return Outcome(stages[-1], type(error).__name__, _told(error))
    if _megabytes() - before > MOST_MEGABYTES:
        return Outcome(stages[-1], failure=f"took {_megabytes() - before} MB of memory")
    return Outcome(stages[-1])


@cache
def ready() -> None:
    """Compile the simulator's kernel, which no case is charged for."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "layout.csl").write_text(READY)
        (place / "pe.csl").write_text("")
        Machine(compile_program(place / "layout.csl")).run_until_idle()


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error, limit=-12))


def _megabytes() -> int:
    """Most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


@contextmanager
def _watched() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooSlow(f"more than {MOST_SECONDS} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


Reach = Callable[[str], None]


def read_text(case: Case, folder: Path, reach: Reach) -> None:
    """Read every file, print it and read that again."""
    for path in sorted(folder.glob("*.csl")):
        module = parse(path.read_text(encoding="utf-8", errors="replace"), path.name)
        printed = print_module(module)
        if parse(printed, "printed.csl").decls != module.decls:
            raise Failure(f"{path.name} prints as something else:\n{printed}")
    reach("parsed")


def compiled(case: Case, folder: Path, reach: Reach) -> Program:
    """Compile the layout and all that it names."""
    layout = folder / "layout.csl"
    program = compile_program(
        layout, arch=case.arch, params=case.params, comptime_limit=COMPTIME_STEPS
    )
    reach("compiled")
    if case.thorough:
        module = import_program(layout, arch=case.arch, params=case.params).module
        module.verify()
        for name, text in export_program(module).items():
            before = parse((folder / name).read_text(encoding="utf-8"), name)
            if parse(text, name).decls != before.decls:
                raise Failure(f"{name} is exported as something else:\n{text}")
        reach("exported")
    return program


def run(program: Program, reach: Reach) -> None:
    """Run a program: what starts by itself, then every exported function, then copies."""
    if program.width * program.height > MOST_PES:
        return
    machine = Machine(program, max_cycles=MOST_CYCLES, max_instructions=MOST_INSTRUCTIONS)
    machine.run_until_idle()
    for name, (is_function, _) in program.exports.items():
        symbol = machine.symbol(name)
        if is_function:
            image = next(i for i in program.images if i.symbols.get(name) is symbol)
            machine.launch(name, [0] * len(image.functions[symbol.function].parameters))
        else:
            machine.read_symbol_array(name, 0, 0, 1, 1, 1)
    machine.leftovers()
    reach("ran")


def whole_program(case: Case, folder: Path, reach: Reach) -> None:
    """Compile, and run what compiles."""
    run(compiled(case, folder, reach), reach)


def text_and_program(case: Case, folder: Path, reach: Reach) -> None:
    """As `read_text`, then as `whole_program`."""
    read_text(case, folder, reach)
    whole_program(case, folder, reach)


def artefact(case: Case, folder: Path, reach: Reach) -> None:
    """Read a compiled directory, and run what is read."""
    program = read_artifact(folder)
    read_streams(folder)
    reach("read")
    run(program, reach)


ACTIONS: dict[str, Callable[[Case, Path, Reach], None]] = {
    "text": read_text,
    "program": whole_program,
    "both": text_and_program,
    "artefact": artefact,
}
"""What a case may ask for."""
