// The page itself: what is shown, playing, keys.

class App {
  constructor(runs) {
    this.runs = runs.map((data, id) => Object.assign(new Run(data), { id }));
    this.view = { time: 0, from: 0, to: 1, pe: -1, span: -1, mode: "activity", color: "none", position: "now", flow: true };
    this.speed = 10;
    readPalette();
    this.mesh = new Mesh(this);
    this.timeline = new Timeline(this);
    this.inspector = new Inspector(this);
    this.listen();
    this.choose(this.runs.length - 1);
    this.followAddress();
    addEventListener("hashchange", () => this.followAddress());
  }

  choose(number) {
    const run = this.run = this.runs[number];
    this.shares = null;
    Object.assign(this.view, { time: 0, from: 0, to: run.cycles, pe: -1, span: -1, color: "none", position: "now" });
    Object.assign(this.inspector, { memoryClass: 0, file: -1, line: -1 });
    this.mesh.scale = 0;
    document.title = `${run.name} · PyFlame trace`;
    text("program", run.name);
    fill("kpis", [["", `${run.arch.toUpperCase()}`], ["PEs ", `${run.width} × ${run.height}`], ["cycles ", count(run.clock)],
      ["busy ", percent(run.meanBusy)], ["stalled ", percent(run.meanStalled)]].map(([name, value]) =>
      element("span", {}, name, element("b", {}, value))));
    const problem = document.getElementById("problem");
    problem.hidden = !run.error;
    problem.textContent = run.error;
    fill("route-color", [["none", "none"], ["all", "all colours"], ...run.colors.map((c) => [c, `colour ${c}`])]
      .map(([value, name]) => element("option", { value }, name)));
    this.speed = SPEEDS.find((v) => v * 30 >= run.cycles) || last(SPEEDS);
    fill("speed", SPEEDS.map((v) =>
      element("option", { value: v, selected: v === this.speed ? "" : undefined }, `${v.toLocaleString("en-US")} cycles/s`)));
    this.fillPositions();
    document.getElementById("scrub").max = run.cycles;
    document.getElementById("run").value = number;
    this.setTime(run.error ? run.cycles : run.busiestTraffic());  // an error is to be seen at the end
  }

  // The positions that the chosen colour has somewhere.
  fillPositions() {
    const { run, view } = this;
    const colors = view.color === "all" ? run.colors : view.color === "none" ? [] : [Number(view.color)];
    const numbers = [...new Set(colors.flatMap((color) => run.positionsOf(color)))].sort();
    const switches = numbers.length > 1;
    const names = [["now", "now"], ["start", "at start"], ...switches ? [["every", "all"]] : [],
      ...switches ? numbers.map((n) => [String(n), `${n}`]) : []];
    if (!names.some(([value]) => value === view.position)) view.position = "now";
    fill("route-position", names.map(([value, name]) =>
      element("option", { value, selected: value === view.position ? "" : undefined }, name)));
    document.getElementById("route-position").disabled = !colors.length;
  }

  redraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame((now) => {
      this.frame = 0;
      this.advance(now);
      this.drawBars();  // first: the legends' heights decide what is left for the rest
      this.mesh.draw();
      this.timeline.draw();
      this.inspector.draw();
      clearTimeout(this.saving);
      if (!this.playing) this.saving = setTimeout(() => this.savePlace(), 300);
    });
  }

  // Go where the address says, if somebody has changed it.
  followAddress() {
    if (location.hash === this.address) return false;
    this.address = location.hash;
    goToPlace(this);
    return true;
  }

  savePlace() {
    if (this.followAddress()) return;
    history.replaceState(null, "", `#${placeOf(this)}`);
    this.address = location.hash;
  }

  drawBars() {
    const { run, view } = this;
    text("clock", `${count(Math.min(Math.floor(view.time), run.clock))} / ${count(run.clock)} cycles`);
    document.getElementById("scrub").value = view.time;
    text("play", this.playing ? "❚❚ Pause" : "▶ Play");
    document.getElementById("zoom-detail").hidden = run.spansUntil <= run.window[0];
    const key = [run.id, view.mode, view.color, view.pe >= 0, dark()].join();
    if (key === this.legendKey) return;
    this.legendKey = key;
    for (const [id, [items, note]] of [["legend", this.mesh.legend()], ["time-legend", this.timeline.legend()]]) {
      fill(id, [...items.map(([name, color]) => element("span", {}, swatch(color), name)), element("span", {}, note)]);
    }
  }

  advance(now) {
    if (!this.playing) return;
    const passed = Math.min(0.1, (now - this.then) / 1000);
    this.then = now;
    let time = this.view.time + passed * this.speed;
    if (time >= this.run.cycles) { time = this.run.cycles; this.playing = false; }
    this.view.time = time;
    if (time > this.view.to || time < this.view.from) this.centre(time);
    this.redraw();
  }

  play() {
    if (!this.playing && this.view.time >= this.run.cycles - 1) this.view.time = 0;
    this.playing = !this.playing;
    this.then = performance.now();
    this.redraw();
  }

  setTime(time) {
    this.view.time = clamp(time, 0, this.run.cycles);
    this.redraw();
  }

  show(from, to) {
    const span = clamp(to - from, 8, Math.max(8, this.run.cycles));
    const start = clamp(from, 0, Math.max(0, this.run.cycles - span));
    Object.assign(this.view, { from: start, to: start + span });
    this.redraw();
  }

  // Move to a time, and the shown part of the run with it.
  centre(time) {
    const { from, to } = this.view, span = to - from;
    const start = clamp(time - span / 2, 0, this.run.cycles - span);
    if (time < from || time > to || span < this.run.cycles) this.show(start, start + span);
    this.setTime(time);
  }

  step(direction) {
    const fine = this.run.hasMoves(this.view.time) || this.view.to - this.view.from < 2000;
    const by = fine ? 1 : 2 ** this.run.at((this.view.to - this.view.from) / 200).shift;
    this.playing = false;
    this.setTime(Math.floor(this.view.time / by) * by + direction * by);
  }

  choosePe(pe, open = true) {
    Object.assign(this.view, { pe, span: -1 });
    this.inspector.memoryClass = this.run.image(pe).class;
    if (open && this.inspector.tab === "summary") this.inspector.open("pe");
    this.redraw();
  }

  chooseSpan(number) {
    this.view.span = number;
    const { site } = this.run.span(number);
    if (site >= 0) this.inspector.show(site);
    this.redraw();
  }

  // The part of the critical chain that a time lies in.
  chainAt(time) {
    const { links } = this.run.chain;
    let found = -1;
    for (let i = 0; i < links.length && links[i][1] <= time; i++) found = i;
    return found;
  }

  chainShare(pe) {
    if (!this.shares) {
      this.shares = new Map();
      for (const [at, begin, end] of this.run.chain.links) {
        if (at >= 0) this.shares.set(at, (this.shares.get(at) || 0) + end - begin);
      }
      this.mostShare = Math.max(1, ...this.shares.values());
    }
    return (this.shares.get(pe) || 0) / this.mostShare;
  }

  tip(content, event) {
    const tip = document.getElementById("tip");
    tip.hidden = !content;
    if (!content) return;
    tip.textContent = content;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - box.width - 8)}px`;
    tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 10 : event.clientY + 18}px`;
  }

  listen() {
    const on = (id, event, action) => document.getElementById(id).addEventListener(event, action);
    const set = (name) => (e) => { this.view[name] = e.target.value; this.fillPositions(); this.redraw(); };
    on("mode", "change", set("mode"));
    on("route-color", "change", set("color"));
    on("route-position", "change", set("position"));
    on("flow", "change", (e) => { this.view.flow = e.target.checked; this.redraw(); });
    on("fit", "click", () => this.mesh.fit());
    on("play", "click", () => this.play());
    on("back", "click", () => this.step(-1));
    on("forward", "click", () => this.step(1));
    on("speed", "change", (e) => { this.speed = Number(e.target.value); });
    on("scrub", "input", (e) => { this.playing = false; this.centre(Number(e.target.value)); });
    on("zoom-all", "click", () => this.show(0, this.run.cycles));
    on("zoom-detail", "click", () => this.show(this.run.window[0], Math.max(this.run.spansUntil, this.run.window[0] + 8)));
    on("theme", "click", () => this.theme(dark() ? "light" : "dark"));
    on("help", "click", () => document.getElementById("keys").showModal());
    on("keys", "click", () => document.getElementById("keys").close());
    fill("keys", [element("h3", {}, "Keys and gestures"), element("table", {}, KEYS.map(([key, what]) =>
      element("tr", {}, element("th", {}, key), cell(what))))]);
    const runs = document.getElementById("run");
    runs.hidden = this.runs.length < 2;
    fill("run", this.runs.map((run, i) => element("option", { value: i, selected: i === this.runs.length - 1 ? "" : undefined }, `${i + 1}: ${run.name}`)));
    runs.addEventListener("change", () => this.choose(Number(runs.value)));
    this.split();
    addEventListener("resize", () => { this.mesh.scale = 0; this.redraw(); });
    addEventListener("keydown", (e) => this.key(e));
  }

  // Dragging the line between mesh and time divides the height anew.
  split() {
    const bar = document.getElementById("split"), main = bar.parentElement;
    bar.addEventListener("pointerdown", (e) => bar.setPointerCapture(e.pointerId));
    bar.addEventListener("pointermove", (e) => {
      if (!bar.hasPointerCapture(e.pointerId)) return;
      const box = main.getBoundingClientRect();
      main.style.setProperty("--time", `${clamp(box.bottom - e.clientY - 12, 150, box.height - 190)}px`);
      this.mesh.fit();
    });
  }

  key(e) {
    if (e.target.closest("select, input[type=range]") && e.key !== "Escape") return;
    const middle = this.timeline.x(this.view.time);
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (moves && (e.shiftKey || moves[1]) && !e.target.closest(".tab")) {
      e.preventDefault();
      this.movePe(...moves);
      return;
    }
    const action = {
      " ": () => this.play(), ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1),
      "+": () => this.timeline.zoom(0.6, middle), "-": () => this.timeline.zoom(1.67, middle),
      n: () => this.nextSpan(1), p: () => this.nextSpan(-1), c: () => this.nextPart(1), C: () => this.nextPart(-1),
      "?": () => document.getElementById("keys").showModal(),
      0: () => this.show(0, this.run.cycles), Escape: () => { this.view.pe = -1; this.view.span = -1; this.redraw(); },
    }[e.key];
    if (!action || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    action();
  }

  // The PE beside the chosen one, if it is there.
  movePe(dx, dy) {
    const { run, view } = this;
    if (view.pe < 0) { this.choosePe(0); return; }
    const x = view.pe % run.width + dx, y = Math.floor(view.pe / run.width) + dy;
    if (x >= 0 && y >= 0 && x < run.width && y < run.height) this.choosePe(y * run.width + x);
  }

  // The next or last task or operation of the chosen PE, and its line.
  nextSpan(direction) {
    const { run, view } = this;
    if (view.pe < 0) this.choosePe(0);
    const number = view.span >= 0 ? view.span + direction
      : run.firstSpan(view.pe, view.time) - (direction < 0 ? 1 : 0);
    if (number < run.spans.starts[view.pe] || number >= run.spans.starts[view.pe + 1]) return;
    this.centre(run.span(number).begin);
    this.chooseSpan(number);
  }

  // The next or last part of the critical chain.
  nextPart(direction) {
    const { links } = this.run.chain;
    const link = links[clamp(this.chainAt(this.view.time) + direction, 0, links.length - 1)];
    if (link) this.inspector.follow(link);
  }

  theme(name) {
    document.documentElement.dataset.theme = name;
    readPalette();
    this.legendKey = "";
    this.redraw();
  }
}

const SPEEDS = [0.5, 2, 10, 50, 250, 1000, 5000, 25000, 100000];
const KEYS = [
  ["space", "play or pause"], ["← →", "one step back or on"], ["+ −", "zoom time at the cursor"], ["0", "whole run"],
  ["↑ ↓, shift + ← →", "the PE beside the chosen one"], ["n p", "next or last task or operation of the PE, and its line"],
  ["c C", "next or last part of the critical chain"], ["esc", "no PE"], ["wheel", "zoom the mesh or the time chart"], ["drag", "move the mesh or the time chart"],
  ["shift + wheel", "move the time chart"], ["wheel on names", "scroll the time chart"], ["click a PE", "its threads, queues, routes"],
  ["click a bar", "the CSL line it comes from"],
];
const text = (id, content) => { document.getElementById(id).textContent = content; };
const fill = (id, nodes) => document.getElementById(id).replaceChildren(...nodes);

async function start() {
  const prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = prefersDark ? "dark" : "light";
  const problem = document.getElementById("problem");
  try {
    const runs = await loadRuns();
    if (!runs.length) throw new Error("the script ran no program");
    window.app = new App(runs);
  } catch (error) {
    problem.hidden = false;
    problem.textContent = `This page cannot be shown: ${error.message}`;
    throw error;
  }
}
start();
