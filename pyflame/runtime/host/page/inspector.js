// The side: facts about the run, the chosen PE, memory maps, sources. All text is set as text.

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (name === "style") node.style.cssText = value;
    else if (value !== undefined) node.setAttribute(name, value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
  return node;
}

const cell = (content, number = false) => element("td", number ? { class: "num" } : {}, content);
const header = (...names) => element("tr", {}, names.map(([n, num]) => element("th", num ? { class: "num" } : {}, n)));
const peCell = (run, pe) => element("td", { class: "keep" }, run.peName(pe).slice(3));
const swatch = (color) => element("i", { class: "swatch", style: `background:${color}` });
const meter = (share, color) => element("div", { class: "meter" },
  element("i", { style: `width:${(100 * Math.min(1, share)).toFixed(1)}%;background:${color}` }));

const CHAIN_ROWS = 200;  // parts of the chain that are listed around now

class Inspector {
  constructor(app) {
    this.app = app;
    this.memoryClass = 0;
    this.file = -1;
    this.line = -1;
    for (const button of document.querySelectorAll("#tabs button")) {
      button.addEventListener("click", () => this.open(button.dataset.tab));
    }
    this.open("summary");
  }

  open(name) {
    this.tab = name;
    for (const button of document.querySelectorAll("#tabs button")) {
      button.classList.toggle("on", button.dataset.tab === name);
      document.getElementById(`tab-${button.dataset.tab}`).hidden = button.dataset.tab !== name;
    }
    this.drawn = "";
  }

  draw() {
    const { run, view } = this.app;
    if (!run) return;
    const links = this.tab === "summary" ? this.app.chainAt(view.time) : 0;
    const key = { summary: links, pe: `${view.pe} ${Math.floor(view.time)} ${view.span}`,
      memory: this.memoryClass, source: `${this.file} ${this.line}` }[this.tab];
    if (this.drawn === `${run.id} ${this.tab} ${key} ${dark()}`) return;
    this.drawn = `${run.id} ${this.tab} ${key} ${dark()}`;
    const box = document.getElementById(`tab-${this.tab}`);
    const scroll = box.scrollTop, nodes = this[this.tab](run, view);
    if (nodes.length !== box.childNodes.length || nodes.some((node, i) => node !== box.childNodes[i])) {
      box.replaceChildren(...nodes);
      box.scrollTop = scroll;
    }
    if (this.tab === "source") {
      const at = box.querySelector(".at");
      if (at) at.scrollIntoView({ block: "center" });
    }
  }

  // Facts and queues stay as they are while time goes on; of the chain's rows those around now are
  // shown, and the one of now is marked.
  summary(run) {
    const key = `${run.id} ${dark()}`;
    if (this.summaryKey !== key) {
      this.summaryKey = key;
      this.chainRows = run.chain.links.map(() => null);
      this.chainTable = element("table");
      this.chainFirst = -1;
      this.nowRow = null;
      const facts = element("table", { class: "facts" }, run.facts.map(([name, value]) =>
        element("tr", {}, element("th", {}, name), cell(value))));
      const left = run.chain.left ? ` ${count(run.chain.left)} earlier parts are not listed.` : "";
      this.summaryNodes = [
        element("h3", {}, "Run"), facts, element("h3", {}, "Critical chain"),
        element("p", { class: "note" },
          `Back from what ended last, over the wavelets that each PE had nothing to do but wait for.${left}`),
        this.chainTable, ...this.hotQueues(run),
      ];
    }
    this.markChain(run);
    return this.summaryNodes;
  }

  markChain(run) {
    const now = this.app.chainAt(this.app.view.time), rows = this.chainRows;
    if (this.chainFirst < 0 || now < this.chainFirst || now >= this.chainFirst + CHAIN_ROWS) {
      this.chainFirst = clamp(now - CHAIN_ROWS / 2, 0, Math.max(0, rows.length - CHAIN_ROWS));
      const end = Math.min(rows.length, this.chainFirst + CHAIN_ROWS);
      for (let i = this.chainFirst; i < end; i++) rows[i] = rows[i] || this.chainRow(run, run.chain.links[i]);
      const more = (number, what) => number ? [element("tr", {}, element("td", { colspan: 4, class: "note" }, `${count(number)} ${what}`))] : [];
      this.chainTable.replaceChildren(header(["From cycle", 1], ["Length", 1], ["PE"], ["Began with"]),
        ...more(this.chainFirst, "before"), ...rows.slice(this.chainFirst, end), ...more(rows.length - end, "after"));
    }
    if (this.nowRow) this.nowRow.classList.remove("now");
    this.nowRow = rows[now] || null;
    if (this.nowRow) this.nowRow.classList.add("now");
  }

  chainRow(run, [pe, begin, end, cause, color, sent, site, waited, name]) {
    if (pe < 0) return element("tr", {}, cell("…", true), cell("", true), cell(""), cell("earlier parts were not kept"));
    const by = cause === "wavelet"
      ? [swatch(colorOf(color < 0 ? 0 : color)), ` colour ${color}, ${count(Math.max(0, begin - sent))} under way`]
      : [`${CAUSES[cause]} ${name}` + (cause === "stream" && color >= 0 ? `, colour ${color}` : "")];
    const place = run.siteName(site);
    const tip = waited ? `waited ${count(waited)} cycles` : "";
    return element("tr", {
      class: "link", title: tip,
      onclick: () => this.follow([pe, begin, end, cause, color, sent, site]),
    }, cell(count(begin), true), cell(count(end - begin), true), peCell(run, pe),
    cell(element("span", {}, ...by, place ? element("div", { class: "note mono", style: "margin:0" }, place) : null)));
  }

  // Show where a part of the chain begins; its line is ready in the source tab.
  follow([pe, begin, , , , , site]) {
    if (pe < 0) return;
    this.app.choosePe(pe, false);
    this.app.centre(begin);
    if (site >= 0) this.show(site, this.tab === "source");
  }

  hotQueues(run) {
    const found = [];
    for (let pe = 0; pe < run.pes; pe++) {
      for (let q = 0; q < 16; q++) {
        const high = run.high[pe * 16 + q];
        if (high) found.push([run.held[pe * 16 + q] / Math.max(1, run.depths[q]), high, pe, q]);
      }
    }
    found.sort((a, b) => b[0] - a[0] || a[2] - b[2] || a[3] - b[3]);
    const rows = found.slice(0, 12).map(([share, high, pe, q]) => element("tr",
      { class: "link", onclick: () => this.app.choosePe(pe) },
      peCell(run, pe), cell(run.queueName(pe, q)), cell((share * run.depths[q]).toFixed(2), true),
      cell(`${high} of ${run.depths[q]}`, true), cell(meter(share, palette.queue))));
    return [
      element("h3", {}, "Fullest queues"),
      rows.length ? element("table", {}, header(["PE"], ["Queue"], ["Mean", 1], ["Most", 1], [""]), rows)
        : element("p", { class: "note" }, "No queue ever held a wavelet."),
    ];
  }

  pe(run, view) {
    const pe = view.pe;
    if (pe < 0) return [element("p", { class: "note" }, "Click a PE of the mesh or of the time chart.")];
    const busy = run.busy(pe, view.time), stalled = run.stalled(pe, view.time);
    const part = (share, color) => element("i", { style: `width:${(100 * share).toFixed(2)}%;background:${color}` });
    return [
      element("h2", {}, run.peName(pe)),
      element("p", { class: "note" }, `${run.peClass(pe).name} · one of ${several(run.peClass(pe).pes, "PE")} of this class`),
      element("h3", {}, `Around cycle ${cycleOf(view.time)}`),
      element("div", { class: "split" }, part(busy, palette.busy), part(stalled, palette.stall)),
      element("p", { class: "note" }, `busy ${percent(busy)} · stalled ${percent(stalled)} · idle ${percent(Math.max(0, 1 - busy - stalled))}`
        + ` (over ${several(2 ** run.bins.shift, "cycle")})`),
      ...this.running(run, view), ...this.queues(run, view), ...this.routes(run, pe),
    ];
  }

  running(run, view) {
    const spans = run.spansOf(view.pe, Math.floor(view.time), Math.floor(view.time));
    if (view.span >= 0 && !spans.includes(view.span)) spans.push(view.span);
    const rows = spans.slice(0, 24).map((i) => {
      const span = run.span(i);
      return element("tr", { class: i === view.span ? "link now" : "link", onclick: () => this.app.chooseSpan(i), title: describeSpan(run, view.pe, span) },
        cell(span.label), cell(`${count(span.begin)} … ${span.open ? "not finished" : count(span.end)}`, true),
        cell(element("span", { class: "mono" }, run.siteName(span.site))));
    });
    return [element("h3", {}, "What runs"), rows.length
      ? element("table", {}, header(["Task or operation"], ["Cycles", 1], ["Source"]), rows)
      : element("p", { class: "note" }, run.spansUntil > view.time ? "Nothing." : "No details were kept here.")];
  }

  queues(run, view) {
    const b = run.bin(view.time), pe = view.pe;
    const rows = run.bins.queues.map((q, i) => [q, run.level(pe, i, b), run.high[pe * 16 + q]])
      .filter(([, , high]) => high)
      .map(([q, level, high]) => element("tr", {}, cell(run.queueName(pe, q)),
        cell(`${level} of ${run.depths[q]}`, true), cell(`${high}`, true),
        cell(meter(level / Math.max(1, run.depths[q]), palette.queue))));
    return rows.length ? [element("h3", {}, "Queues"),
      element("table", {}, header(["Queue"], ["Now", 1], ["Most", 1], [""]), rows)] : [];
  }

  routes(run, pe) {
    const mask = (bits) => DIRECTIONS.filter((_, d) => (bits >> d) & 1).join("+") || "none";
    const rows = [];
    for (const color of run.colors) {
      const time = this.app.view.time, turn = run.turn(pe, color, time), route = run.route(pe, color);
      if (!route && turn < 0) continue;
      const current = turn >= 0 ? run.turns.what[turn] >> 5 : route.current;
      const positions = [0, 1, 2, 3].map((i) => run.masks(pe, color, i, time));
      const switched = positions.filter((p) => p).length > 1;
      let first = true;
      positions.forEach((masks, i) => {
        if (!masks) return;
        rows.push(element("tr", switched && i === current ? { class: "now" } : {},
          cell(first ? element("span", {}, swatch(colorOf(color)), ` ${color}`) : ""),
          cell(switched ? `${i}${i === current ? ", now" : ""}` : ""),
          cell(`${mask(masks[0])} → ${mask(masks[1])}`)));
        first = false;
      });
      if (route && route.notes.length) {
        rows.push(element("tr", { class: "with" }, cell(""), element("td", { colspan: 2, class: "note" }, route.notes.join(", "))));
      }
    }
    return rows.length ? [element("h3", {}, "Routes"),
      element("table", {}, header(["Colour"], ["Position"], ["From → to"]), rows)] : [];
  }

  memory(run) {
    const choice = element("select", { class: "wide", "aria-label": "PE class" }, run.classes.map((one, i) =>
      element("option", { value: i, selected: i === this.memoryClass ? "" : undefined }, `${one.name} (${several(one.pes, "PE")})`)));
    choice.addEventListener("change", () => { this.memoryClass = Number(choice.value); this.app.redraw(); });
    const one = run.classes[Math.min(this.memoryClass, run.classes.length - 1)];
    const variables = one.map.filter((row) => row[2] > 0);
    const color = (i) => `hsl(${(i * 137.508 + 200) % 360} 55% ${dark() ? 58 : 52}%)`;
    const first = variables.length > 1 ? variables[1][1] : 0;  // behind runtime and code
    const rows = variables.map((row, i) => [...row, i]).sort((a, b) => b[2] - a[2] || a[1] - b[1]).slice(0, 200)
      .map(([name, at, bytes, i]) => element("tr", {}, cell(element("span", {}, swatch(color(i)), ` ${name}`)),
        cell(count(at), true), cell(count(bytes), true)));
    return [
      element("h3", {}, "PE class"), choice,
      element("h3", {}, "Memory"),
      this.memoryBar(variables, color, 0, run.memory),
      element("div", { class: "scale" }, ...[0, 12, 24, 36, 48].map((k) => element("span", {}, `${k} KiB`))),
      element("p", { class: "note" }, `In use up to byte ${count(one.end)} of ${count(run.memory)} (${percent(one.end / run.memory)}).`),
      ...one.end - first < run.memory / 4 && first ? [
        element("h3", {}, "Variables, enlarged"),
        this.memoryBar(variables, color, first, one.end),
        element("div", { class: "scale" }, element("span", {}, count(first)), element("span", {}, `${count(one.end - first)} bytes`), element("span", {}, count(one.end))),
      ] : [],
      element("h3", {}, several(variables.length, "entry").replace("entrys", "entries")),
      element("table", {}, header(["Variable"], ["Address", 1], ["Bytes", 1]), rows),
    ];
  }

  // The part of the memory from one byte to before another, as a bar.
  memoryBar(variables, color, from, to) {
    const parts = variables.map(([name, at, bytes], i) => [name, at, bytes, i]).filter(([, at]) => at >= from && at < to);
    return element("div", { class: "map" }, parts.map(([name, at, bytes, i]) => element("i", {
      title: `${name}: ${several(bytes, "byte")} at ${count(at)}`,
      style: `left:${100 * (at - from) / (to - from)}%;width:${100 * bytes / (to - from)}%;background:${color(i)}`,
    }, 12 * bytes > to - from ? name.split(":").pop() : "")));
  }

  // Open the source at a site.
  show(site, switchTab = true) {
    [this.file, this.line] = this.app.run.sites[site];
    if (switchTab) this.open("source");
    this.app.redraw();
  }

  source(run) {
    if (this.file < 0) this.file = run.files.findIndex((f) => f.text !== null);
    const choice = element("select", {}, run.files.map((file, i) =>
      element("option", { value: i, selected: i === this.file ? "" : undefined }, file.name)));
    choice.addEventListener("change", () => { this.file = Number(choice.value); this.line = -1; this.app.redraw(); });
    const file = run.files[this.file];
    const bar = element("div", { class: "bar" }, choice);
    if (!file || file.text === null) {
      return [bar, element("p", { class: "note", style: "padding:12px 14px" }, "The source was not found when the page was written, or it has changed since it was compiled.")];
    }
    const lines = file.text.split("\n").slice(0, 20000).map((text, i) =>
      element("div", i + 1 === this.line ? { class: "at" } : {}, element("b", {}, String(i + 1)), text.replace(/\r$/, "")));
    return [bar, element("div", { class: "code" }, lines)];
  }
}
