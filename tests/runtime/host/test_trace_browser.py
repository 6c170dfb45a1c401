"""The trace page in a real browser: what it shows, and that clicks and keys do what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pyflame.errors import DeadlockError
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.isa import DsdOp, PopMode
from pyflame.runtime.fabric.machine import Machine
from pyflame.runtime.fabric.trace.recorder import Recording
from pyflame.runtime.host.page import trace_page
from pyflame.runtime.host.page.payload import RunView
from tests.runtime.fabric.asm import F32, Asm, E, R, S, W, program, route
from tests.runtime.fabric.programs import chain
from tests.runtime.host import browser as browsers
from tests.runtime.host.browser import Browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not browsers.PROGRAM,
        reason="no chromium, chromium-browser or google-chrome on PATH: no browser shows the page",
    ),
]
HOSTILE = '</script><script>window.hit=1</script><img src=x onerror="window.hit=2">'
COLOR = 4


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One tab for all tests."""
    with browsers.browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def opened(tab: Browser, tmp_path: Path) -> Iterator[Browser]:
    """The tab, without problems before and after a test."""
    tab.problems.clear()
    tab.requests.clear()
    tab.resize(1600, 1000)
    yield tab
    assert tab.problems == []
    assert [url for url in tab.requests if not url.startswith("file://")] == []


def show(tab: Browser, directory: Path, code: Program, name: str = "program/out") -> Machine:
    """Run `go` of a program and open its page."""
    machine = Machine(code, recording=Recording(cells=1 << 12, nodes=1 << 10))
    machine.launch("go")
    machine.run_until_idle()
    view = RunView(name, machine, [("cycles", f"{machine.cycles:,}")], roots=[directory])
    (directory / "page.html").write_text(trace_page([view]), encoding="utf-8")
    tab.open(directory / "page.html")
    return machine


def with_source(code: Program, directory: Path, name: str = "pe.csl") -> list[str]:
    """Give every instruction of a program a line of its own; the lines."""
    most = max(len(image.code) for image in code.images)
    lines = [f"line {i + 1};" for i in range(most)]
    (directory / name).write_text("\n".join(lines), encoding="utf-8")
    code.files[:] = [name]
    for image in code.images:
        numbers = np.arange(1, len(image.code) + 1, dtype=np.int32)
        image.lines = np.stack([np.zeros_like(numbers), numbers], axis=1)
    return lines


def switched() -> Program:
    """A PE whose colour goes east in switch position 0 and south in position 1."""
    a, b, c, d = (Asm(name) for name in ("sender", "east", "south", "corner"))
    x = a.array("x", F32, 2)
    a.function("go")
    a.dsd(DsdOp.FMOVS, a.fabout(2, COLOR, 2), None, a.mem(x, 2))
    a.unblock_host()
    a.ret()
    y = b.array("y", F32, 2)
    b.function("go")
    b.dsd(DsdOp.FMOVS, b.mem(y, 2), None, b.fabin(3, COLOR, 2))
    b.unblock_host()
    b.ret()
    for idle in (c, d):
        idle.function("go")
        idle.unblock_host()
        idle.ret()
    sender = route(R, E, (R, S), ring=True, pop=PopMode.ALWAYS_POP)
    return program([[a, b], [c, d]], {(0, 0, COLOR): sender, (1, 0, COLOR): route(W, R)})


def middle(tab: Browser, pe: int) -> tuple[float, float, float]:
    """Where a PE's tile lies on the mesh, and how far tiles are apart."""
    (x, y), scale = tab.run(f"[app.mesh.middle({pe}), app.mesh.scale]")
    return x, y, scale


def test_every_view_and_tab_opens(opened: Browser, tmp_path: Path) -> None:
    show(opened, tmp_path, chain(5, 20)[0])
    assert opened.text("#program") == "program/out"
    for mode in ("queues", "traffic", "class", "chain", "activity"):
        opened.choose("mode", mode)
    for color in ("all", "none"):
        opened.choose("route-color", color)
    for name, expected in (
        ("pe", "Click a PE"), ("memory", "In use up to byte"), ("source", "not found"),
        ("summary", "CRITICAL CHAIN"),
    ):  # fmt: skip
        opened.run(f"document.querySelector('[data-tab={name}]').click(); app.redraw()")
        opened.settle()
        assert expected in opened.text(f"#tab-{name}")


def test_hostile_names_are_shown_as_text(opened: Browser, tmp_path: Path) -> None:
    code, _ = chain(3, 5)
    for image in code.images:
        image.name = HOSTILE
        image.memory_map = [(HOSTILE, 0, 64)]
        for function in image.functions:
            object.__setattr__(function, "name", HOSTILE)
    with_source(code, tmp_path)
    (tmp_path / "pe.csl").write_text(f"{HOSTILE}\n" * 200)
    show(opened, tmp_path, code, HOSTILE)
    opened.run("app.choosePe(1)")
    for name in ("summary", "pe", "memory", "source"):
        opened.run(f"app.inspector.open('{name}'); app.redraw()")
        opened.settle()
        assert HOSTILE in opened.text(f"#tab-{name}")
    opened.press("n")
    assert opened.run("window.hit") is None
    assert opened.run("document.querySelectorAll('img').length") == 0


def test_a_click_on_an_operation_shows_its_line(opened: Browser, tmp_path: Path) -> None:
    code, _ = chain(5, 20)
    lines = with_source(code, tmp_path)
    show(opened, tmp_path, code)
    opened.click("#mesh", *middle(opened, 2)[:2])
    assert "PE (2, 0)" in opened.text("#tab-pe")
    x0, y0, x1, y1, span = opened.run(
        "app.timeline.boxes.find((box) => box[4] >= 0 && app.run.span(box[4]).lane < 10)"
    )
    opened.click("#time", (x0 + x1) / 2, (y0 + y1) / 2)
    number = opened.run(f"app.run.sites[app.run.span({span}).site][1]")
    assert opened.text("#tab-source .at").split("\n")[-1].strip() == lines[number - 1]


def test_a_part_of_the_chain_shows_its_line(opened: Browser, tmp_path: Path) -> None:
    code, _ = chain(4, 10)
    lines = with_source(code, tmp_path)
    show(opened, tmp_path, code)
    opened.run("app.inspector.open('source')")
    opened.press("c")
    link = opened.run("app.run.chain.links[app.chainAt(app.view.time)]")
    assert opened.run("app.view.pe") == link[0]
    number = opened.run(f"app.run.sites[{link[6]}][1]")
    assert opened.text("#tab-source .at").split("\n")[-1].strip() == lines[number - 1]


def test_routes_are_drawn_per_switch_position(opened: Browser, tmp_path: Path) -> None:
    show(opened, tmp_path, switched())
    opened.run("app.setTime(0)")
    opened.run("document.getElementById('flow').click()")
    opened.choose("route-color", str(COLOR))
    x, y, scale = middle(opened, 0)
    east, south = (x + scale * 0.36, y), (x, y + scale * 0.36)
    drawn = {}
    for position in ("now", "0", "1", "every"):
        opened.choose("route-position", position)
        ground = opened.pixel("#mesh", x - scale * 0.36, y)
        drawn[position] = [opened.pixel("#mesh", *at) != ground for at in (east, south)]
    assert drawn == {
        "now": [True, False], "0": [True, False], "1": [False, True], "every": [True, True]
    }  # fmt: skip
    opened.run("app.choosePe(0)")
    opened.settle()
    shown = re.sub(r"\s+", " ", opened.text("#tab-pe"))
    assert "0, now ramp → east 1 ramp → south ring mode, always pop" in shown


def test_time_is_scrubbed_by_keys_and_the_pointer(opened: Browser, tmp_path: Path) -> None:
    machine = show(opened, tmp_path, chain(5, 20)[0])
    moves = machine.recorded().moves[:, 0]
    first = int(moves[0])
    pictures = []
    for time in (first - 1, first):
        opened.run(f"app.setTime({time})")
        opened.settle()
        assert opened.text("#clock").startswith(f"{time} / {machine.cycles:,}")
        pictures.append(opened.run("app.mesh.canvas.toDataURL()"))
    assert pictures[0] != pictures[1]
    opened.press("ArrowRight")
    assert opened.text("#clock").startswith(f"{first + 1} /")
    opened.press("ArrowLeft")
    opened.press("ArrowLeft")
    assert opened.run("app.mesh.canvas.toDataURL()") == pictures[0]
    opened.click("#time", opened.run("GUTTER + app.timeline.inner / 2"), 20)
    assert abs(opened.run("app.view.time") - machine.cycles / 2) < 2


def test_keys_choose_pes_and_operations(opened: Browser, tmp_path: Path) -> None:
    show(opened, tmp_path, chain(5, 20)[0])
    opened.press("ArrowDown")
    opened.press("ArrowRight", shift=True)
    assert opened.run("app.view.pe") == 1
    opened.run("app.setTime(0)")
    opened.press("n")
    first = opened.run("app.view.span")
    opened.press("n")
    assert opened.run("app.view.span") == first + 1
    opened.press("p")
    assert opened.run("app.view.span") == first
    opened.press("Escape")
    assert opened.run("app.view.pe") == -1


def test_busy_queues_and_classes_colour_the_tiles(opened: Browser, tmp_path: Path) -> None:
    machine = show(opened, tmp_path, chain(5, 20)[0])
    recorded = machine.recorded()
    x, y, scale = middle(opened, 1)
    corner = (x - scale * 0.22, y - scale * 0.22)
    busy = recorded.bins.busy[1]
    bins = [int(np.flatnonzero(busy)[0]), int(np.flatnonzero(busy == 0)[-1])]
    colors = []
    for number in bins:
        opened.run(f"app.setTime({(number + 0.5) * (1 << recorded.bins.shift)})")
        opened.settle()
        colors.append(opened.pixel("#mesh", *corner))
    named = opened.run("[palette.rgb('busy'), palette.rgb('idle')]")
    assert colors[0] == named[0]
    assert colors[1] != named[0]
    full = int(recorded.bins.levels[1].max(axis=1).argmax())
    opened.run(f"app.setTime({(full + 0.5) * (1 << recorded.bins.shift)})")
    opened.choose("mode", "queues")
    assert opened.pixel("#mesh", *corner) != named[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_readable_and_draw_the_same_again(
    opened: Browser, tmp_path: Path, scheme: str
) -> None:
    opened.resize(1200, 800, scheme)
    show(opened, tmp_path, chain(5, 20)[0])
    assert opened.run("document.documentElement.dataset.theme") == scheme
    contrast = opened.run(
        "(() => { const light = ([r, g, b]) => { const c = [r, g, b].map((v) => v / 255 <= 0.04045"
        " ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);"
        " return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };"
        " return ['text', 'dim', 'accent'].map((name) => { const [a, b] ="
        " [light(palette.rgb(name)), light(palette.rgb('panel'))];"
        " return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); }); })()"
    )
    assert min(contrast) >= 4.5  # WCAG AA
    pictures = "[app.mesh.canvas.toDataURL(), app.timeline.canvas.toDataURL()]"
    before = opened.run(pictures)
    opened.open(tmp_path / "page.html")
    assert opened.run(pictures) == before


def test_the_address_says_and_keeps_the_place(opened: Browser, tmp_path: Path) -> None:
    show(opened, tmp_path, chain(5, 100)[0])
    place = "time=30&from=10&to=60&pe=2,0&mode=queues&color=4&tab=memory"
    opened.run(f"location.hash = {place!r}; app.followAddress()")
    opened.settle()
    shown = (
        "[app.view.time, app.view.from, app.view.to, app.view.pe, app.view.mode, app.view.color]"
    )
    assert opened.run(shown) == [30, 10, 60, 2, "queues", "4"]
    assert "In use up to byte" in opened.text("#tab-memory")
    opened.press("ArrowRight")
    opened.run("app.savePlace()")
    assert opened.run("location.hash") == f"#{place.replace('time=30', 'time=31')}"
    wrong = "#time=x&pe=99,0&mode=<b>&from=5&run=7&tab=nothing"
    opened.run(f"location.hash = {wrong!r}; app.followAddress()")
    opened.settle()
    assert opened.run("[app.view.time, app.view.pe, app.view.mode]") == [31, 2, "queues"]


def test_a_deadlock_is_shown_at_its_end_among_several_runs(opened: Browser, tmp_path: Path) -> None:
    first = Machine(chain(5, 20)[0], recording=Recording(cells=1 << 12, nodes=64))
    first.launch("go")
    alone = Asm("alone")
    y = alone.array("y", F32, 3)
    alone.function("go")
    alone.dsd(DsdOp.FMOVS, alone.mem(y, 3), None, alone.fabin(3, COLOR, 3))
    alone.unblock_host()
    alone.ret()
    code = program([[alone]], {(0, 0, COLOR): route(W, R)})
    second = Machine(code, recording=Recording(cells=1 << 12, nodes=64))
    with pytest.raises(DeadlockError) as caught:
        second.launch("go")
    runs = [RunView("one", first), RunView("two", second, error=str(caught.value))]
    page = tmp_path / "page.html"
    page.write_text(trace_page(runs), encoding="utf-8")
    opened.open(page)
    assert opened.text("#problem") == str(caught.value).rstrip()
    assert opened.run("[app.run.name, app.view.time]") == ["two", second.recorded().cycles]
    opened.run("app.choosePe(0)")
    opened.settle()
    assert re.search(r"@fmovs\s+\d+ … not finished", opened.text("#tab-pe"))
    opened.choose("run", "0")
    assert opened.text("#program") == "one"
    assert opened.run("document.getElementById('problem').hidden")


def test_a_page_that_cannot_be_read_says_so(opened: Browser, tmp_path: Path) -> None:
    show(opened, tmp_path, chain(3, 5)[0])
    page = tmp_path / "page.html"
    text = page.read_text(encoding="utf-8")
    start = text.index('id="data">') + len('id="data">')
    page.write_text(text[:start] + "AAAA" + text[start + 4 :], encoding="utf-8")
    opened.open(page)
    assert "This page cannot be shown" in opened.text("#problem")
    opened.problems.clear()
