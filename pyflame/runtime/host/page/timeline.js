// Time: the whole run on top, then all PEs as a heat map, then the chosen PE's threads and queues.

const GUTTER = 128, RIGHT = 12, OVERVIEW = 46, AXIS = 20, LANE_ROW = 16, QUEUE_ROW = 14, HEAT = 64;

class Timeline {
  constructor(app) {
    this.app = app;
    this.canvas = document.getElementById("time");
    this.boxes = [];
    this.listen();
  }

  get from() { return this.app.view.from; }
  get to() { return this.app.view.to; }

  x(time) { return GUTTER + (time - this.from) / (this.to - this.from) * this.inner; }
  time(x) { return this.from + (x - GUTTER) / this.inner * (this.to - this.from); }
  overviewTime(x) { return clamp((x - GUTTER) / this.inner, 0, 1) * this.app.run.cycles; }

  // The chart is as high as its rows need, and scrolls where the panel is lower.
  draw() {
    const top = OVERVIEW + 8 + AXIS, room = this.canvas.parentElement.clientHeight;
    const lanes = this.lanes(room - top - HEAT - 30);
    const lower = lanes.height ? lanes.height + 22 : 0;
    const needed = top + HEAT + lower + 8;
    this.canvas.style.height = `${Math.max(room, needed)}px`;
    const { context: c, width, height } = prepare(this.canvas, this.canvas);
    this.width = width;
    this.height = height;
    this.inner = Math.max(20, width - GUTTER - RIGHT);
    this.boxes = [];
    c.font = "11px system-ui, sans-serif";
    c.textBaseline = "middle";
    this.drawOverview(c);
    this.drawAxis(c, OVERVIEW + 8);
    this.heat = { top, height: height - top - lower - 8 };
    this.drawHeat(c);
    this.drawLanes(c, lanes, top + this.heat.height + 6);
    this.drawCursor(c);
  }

  label(c, text, y, strong = false) {
    c.textAlign = "right";
    c.fillStyle = strong ? palette.text : palette.dim;
    let shown = text;
    while (c.measureText(shown).width > GUTTER - 16 && shown.length > 2) shown = `${shown.slice(0, -2)}…`;
    c.fillText(shown, GUTTER - 8, y);
  }

  // Mean shares of busy and stalled over the whole run, as stacked areas, with the shown part.
  drawOverview(c) {
    const run = this.app.run, top = 6, height = OVERVIEW - 8;
    const bins = run.at(run.cycles / this.inner);
    this.label(c, "all PEs, whole run", top + height / 2);
    c.fillStyle = palette.idle;
    c.fillRect(GUTTER, top, this.inner, height);
    this.areas(c, bins, 0, run.cycles, top, height);
    const scale = this.inner / run.cycles;
    const [x0, x1] = [GUTTER + this.from * scale, GUTTER + this.to * scale];
    c.fillStyle = dark() ? "#0009" : "#fff9";
    c.fillRect(GUTTER, top, x0 - GUTTER, height);
    c.fillRect(x1, top, GUTTER + this.inner - x1, height);
    c.strokeStyle = palette.accent;
    c.lineWidth = 1.5;
    c.strokeRect(x0, top, Math.max(2, x1 - x0), height);
    c.fillStyle = palette.cursor;
    c.fillRect(GUTTER + this.app.view.time * scale - 0.5, top - 3, 1.5, height + 6);
  }

  areas(c, bins, from, to, top, height) {
    const width = 2 ** bins.shift, scale = this.inner / (to - from);
    const first = Math.max(0, Math.floor(from / width));
    const end = Math.min(bins.count, Math.ceil(to / width));
    for (const [color, share] of [
      [palette.stall, (b) => bins.meanBusy[b] + bins.meanStalled[b]], [palette.busy, (b) => bins.meanBusy[b]],
    ]) {
      c.fillStyle = color;
      c.beginPath();
      c.moveTo(GUTTER + (first * width - from) * scale, top + height);
      for (let b = first; b < end; b++) {
        const y = top + height * (1 - Math.min(1, share(b)));
        c.lineTo(GUTTER + (b * width - from) * scale, y);
        c.lineTo(GUTTER + (Math.min((b + 1) * width, to) - from) * scale, y);
      }
      c.lineTo(GUTTER + (Math.min(end * width, to) - from) * scale, top + height);
      c.fill();
    }
  }

  drawAxis(c, top) {
    const span = this.to - this.from;
    let step = 1;
    for (const s of steps()) { step = s; if (s / span * this.inner > 84) break; }
    c.fillStyle = palette.dim;
    c.strokeStyle = palette.line;
    c.lineWidth = 1;
    c.textAlign = "center";
    for (let t = Math.ceil(this.from / step) * step; t <= this.to; t += step) {
      const x = this.x(t);
      c.beginPath();
      c.moveTo(x, top + AXIS - 5);
      c.lineTo(x, this.height);
      c.stroke();
      const half = c.measureText(count(t)).width / 2;
      c.fillText(count(t), clamp(x, GUTTER + half, this.width - half - 2), top + 7);
    }
    this.label(c, "cycle", top + 7);
    const run = this.app.run;
    if (run.spansUntil > run.window[0]) {  // where details were kept
      c.fillStyle = palette.accent;
      const [x0, x1] = [this.x(run.window[0]), this.x(run.spansUntil)].map((x) => clamp(x, GUTTER, GUTTER + this.inner));
      c.fillRect(x0, top + AXIS - 5, x1 - x0, 2);
    }
  }

  drawHeat(c) {
    const run = this.app.run, { top, height } = this.heat;
    this.label(c, several(run.pes, "PE"), top + 8, true);
    if (run.height > 1) this.label(c, "row by row", top + 22);
    const image = this.heatImage(Math.floor(height));
    if (!image) return;
    const width = 2 ** image.bins.shift;
    c.save();
    c.beginPath();
    c.rect(GUTTER, top, this.inner, height);
    c.clip();
    c.imageSmoothingEnabled = false;
    const x0 = this.x(image.first * width), x1 = this.x((image.first + image.count) * width);
    c.drawImage(image.canvas, 0, 0, image.count, image.rows, x0, top, x1 - x0, height);
    const pe = this.app.view.pe;
    if (pe >= 0) {
      const y = top + (pe + 0.5) / run.pes * height;
      const h = Math.max(3, height / run.pes);
      c.strokeStyle = palette.cursor;
      c.lineWidth = 1;
      c.strokeRect(GUTTER + 0.5, y - h / 2, this.inner - 1, h);
    }
    c.restore();
  }

  // The visible bins as an image, one row per PE, or per group of PEs if there are too many.
  heatImage(height) {
    const run = this.app.run;
    const bins = run.at((this.to - this.from) / this.inner);
    const width = 2 ** bins.shift;
    const first = clamp(Math.floor(this.from / width), 0, bins.count - 1);
    const end = clamp(Math.ceil(this.to / width), first + 1, bins.count);
    const group = Math.max(1, Math.ceil(run.pes / Math.max(8, height)));
    const rows = Math.ceil(run.pes / group);
    const key = [run.id, bins.shift, first, end, group, dark()].join();
    if (this.cached && this.cached.key === key) return this.cached;
    const canvas = document.createElement("canvas");
    canvas.width = end - first;
    canvas.height = rows;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(end - first, rows);
    const mixes = mixTable();
    for (let row = 0; row < rows; row++) {
      const stop = Math.min(run.pes, (row + 1) * group);
      for (let b = first; b < end; b++) {
        let x = 0, y = 0;
        for (let pe = row * group; pe < stop; pe++) {
          x += bins.busy[pe * bins.count + b];
          y += bins.stalled[pe * bins.count + b];
        }
        const n = 255 * (stop - row * group);
        const mix = mixes[Math.round(31 * x / n)][Math.round(31 * y / n)];
        const at = 4 * (row * (end - first) + b - first);
        for (let k = 0; k < 3; k++) picture.data[at + k] = mix[k];
        picture.data[at + 3] = 255;
      }
    }
    context.putImageData(picture, 0, 0);
    this.cached = { key, canvas, bins, first, count: end - first, rows };
    return this.cached;
  }

  // Rows of the chosen PE: threads that have spans, queues that ever held a wavelet. If they do not
  // fit into `room`, only those with something in the shown part of time.
  lanes(room) {
    const run = this.app.run, pe = this.app.view.pe;
    if (pe < 0) return { height: 0, threads: [], queues: [] };
    if (this.lanesOf !== `${run.id} ${pe}`) {
      const { starts, lane } = run.spans;
      const seen = new Set(lane.subarray(starts[pe], starts[pe + 1]));
      this.threads = LANE_ORDER.filter((l) => seen.has(l));
      this.queueRows = run.bins.queues.map((q, i) => [q, i]).filter(([q]) => run.high[pe * 16 + q]);
      this.lanesOf = `${run.id} ${pe}`;
    }
    const rows = (threads, queues) => (
      { threads, queues, height: Math.max(1, threads.length) * LANE_ROW + queues.length * QUEUE_ROW + 8 });
    const all = rows(this.threads, this.queueRows);
    if (all.height <= room) return all;
    const now = new Set(run.spansOf(pe, this.from, this.to).map((i) => run.spans.lane[i]));
    const [first, end] = [run.bin(this.from), run.bin(this.to)];
    const held = ([, i]) => { for (let b = first; b <= end; b++) if (run.level(pe, i, b)) return true; return false; };
    return rows(this.threads.filter((l) => now.has(l)), this.queueRows.filter(held));
  }

  drawLanes(c, lanes, top) {
    const run = this.app.run, pe = this.app.view.pe;
    if (pe < 0) return;
    this.label(c, run.peName(pe), top + 8, true);
    c.textAlign = "left";
    c.fillStyle = palette.dim;
    const note = this.detailNote(pe);
    if (note) c.fillText(note, GUTTER + 4, top + 8);
    let y = top + 16;
    c.save();
    for (const lane of lanes.threads) {
      this.label(c, LANES[lane], y + LANE_ROW / 2);
      c.save();
      c.beginPath();
      c.rect(GUTTER, y, this.inner, LANE_ROW);
      c.clip();
      this.drawSpans(c, pe, lane, y);
      c.restore();
      y += LANE_ROW;
    }
    c.restore();
    for (const [queue, index] of lanes.queues) {
      if (y > this.height) break;
      this.drawQueue(c, pe, queue, index, y + 2);
      y += QUEUE_ROW;
    }
  }

  // What is not known of the shown part of a PE's time.
  detailNote(pe) {
    const run = this.app.run, [begin] = run.window;
    if (this.from < run.spansUntil && this.to > begin && this.to <= run.spansUntil) return "";
    const choose = "--trace-window FROM:TO and --trace-pes choose others";
    if (run.spansUntil <= begin) return "No details were kept";
    const part = `from cycle ${count(begin)} to ${count(run.spansUntil)}`;
    if (run.spansLeast && this.to > run.spansUntil) {
      return `What took less than ${count(run.spansLeast)} cycles is known ${part} only; ${choose}`;
    }
    return run.touched(pe, this.from, this.to) ? "" : `No details here: they are known ${part}; ${choose}`;
  }

  drawSpans(c, pe, lane, y) {
    const run = this.app.run;
    const { starts, begin, length, lane: lanes } = run.spans;
    let reached = -1;
    for (let i = starts[pe]; i < starts[pe + 1]; i++) {
      if (lanes[i] !== lane || begin[i] + length[i] < this.from) continue;
      if (begin[i] > this.to) break;
      const edge = GUTTER + this.inner, open = run.spans.open[i] ? 4 : 0;  // what has just begun stays visible
      const x0 = Math.max(Math.min(this.x(begin[i]), edge - open), GUTTER - 2);
      const x1 = Math.min(Math.max(this.x(begin[i] + length[i]), x0 + open), this.width);
      if (x1 < reached + 0.6) continue;  // several in one pixel
      reached = Math.max(x1, x0 + 0.8);
      this.drawSpan(c, run.span(i), i, x0, x1, y);
    }
  }

  drawSpan(c, span, number, x0, x1, y) {
    const width = Math.max(0.8, x1 - x0 - (x1 - x0 > 3 ? 1 : 0));
    const share = span.lane < 9 ? clamp(span.waited / Math.max(1, span.end - span.begin), 0, 1) : 0;
    const task = span.lane === 10;
    c.fillStyle = task ? palette.accent : palette.busy;
    c.globalAlpha = task ? 0.28 : 1;
    c.fillRect(x0, y + 2, width, LANE_ROW - 4);
    c.globalAlpha = 1;
    c.fillStyle = palette.stall;  // the part of the time it waited, from below
    c.fillRect(x0, y + 2 + (LANE_ROW - 4) * (1 - share), width, (LANE_ROW - 4) * share);
    if (this.app.view.span === number) {
      c.strokeStyle = palette.cursor;
      c.lineWidth = 2;
      c.strokeRect(x0, y + 2, width, LANE_ROW - 4);
    }
    if (width > 34) {
      c.save();
      c.beginPath();
      c.rect(x0, y, width - 3, LANE_ROW);
      c.clip();
      c.textAlign = "left";
      c.fillStyle = task ? palette.text : "#fff";
      c.font = `${Math.min(11, LANE_ROW - 4)}px system-ui, sans-serif`;
      c.fillText(span.label, x0 + 4, y + LANE_ROW / 2 + 0.5);
      c.restore();
    }
    this.boxes.push([x0 - 1, y, x0 + width + 1, y + LANE_ROW, number]);
  }

  drawQueue(c, pe, queue, index, y) {
    const run = this.app.run, bins = run.bins, width = 2 ** bins.shift;
    const [kind, number] = queue < 8 ? ["in", queue] : ["out", queue - 8];
    const name = run.queueName(pe, queue);
    const color = name.includes("colour ") ? Number(name.split("colour ")[1]) : -1;
    this.label(c, `${kind} queue ${number}${color >= 0 ? ` · c${color}` : ""}`, y + QUEUE_ROW / 2 - 1);
    const height = QUEUE_ROW - 3, depth = Math.max(1, run.depths[queue]);
    c.fillStyle = palette.idle;
    c.fillRect(GUTTER, y, this.inner, height);
    c.fillStyle = color >= 0 ? colorOf(color, 0.9) : palette.queue;
    const first = clamp(Math.floor(this.from / width), 0, bins.count - 1);
    const end = clamp(Math.ceil(this.to / width), 0, bins.count);
    const step = Math.max(1, Math.floor((end - first) / this.inner));
    for (let b = first; b < end; b += step) {
      let level = 0;
      for (let i = b; i < Math.min(end, b + step); i++) level = Math.max(level, run.level(pe, index, i));
      if (!level) continue;
      const x0 = Math.max(GUTTER, this.x(b * width));
      const x1 = Math.min(GUTTER + this.inner, this.x((b + step) * width));
      const h = Math.max(1.5, height * Math.min(1, level / depth));
      c.fillRect(x0, y + height - h, Math.max(0.7, x1 - x0), h);
    }
    this.boxes.push([GUTTER, y, GUTTER + this.inner, y + height, -1 - index]);
  }

  drawCursor(c) {
    const x = this.x(this.app.view.time);
    if (x < GUTTER - 1 || x > GUTTER + this.inner + 1) return;
    c.fillStyle = palette.cursor;
    c.fillRect(x - 0.5, OVERVIEW + 14, 1.5, this.height);
    c.beginPath();
    c.moveTo(x - 5, OVERVIEW + 10);
    c.lineTo(x + 5, OVERVIEW + 10);
    c.lineTo(x, OVERVIEW + 17);
    c.fill();
  }

  hit(x, y) { return this.boxes.find(([x0, y0, x1, y1]) => x >= x0 && x <= x1 && y >= y0 && y <= y1); }

  heatPe(y) {
    const { top, height } = this.heat;
    if (y < top || y >= top + height) return -1;
    return clamp(Math.floor((y - top) / height * this.app.run.pes), 0, this.app.run.pes - 1);
  }

  describe(x, y) {
    const run = this.app.run, box = this.hit(x, y);
    const time = clamp(this.time(x), 0, run.cycles);
    if (x < GUTTER) return "";
    if (box && box[4] >= 0) return describeSpan(run, this.app.view.pe, run.span(box[4]));
    if (box) {
      const index = -1 - box[4], queue = run.bins.queues[index];
      const level = run.level(this.app.view.pe, index, run.bin(time));
      return `${run.queueName(this.app.view.pe, queue)}\nat most ${level} of ${run.depths[queue]} wavelets around cycle ${cycleOf(time)}`;
    }
    const pe = this.heatPe(y);
    if (pe < 0) return y < OVERVIEW ? `cycle ${cycleOf(this.overviewTime(x))}` : `cycle ${cycleOf(time)}`;
    return `${run.peName(pe)}, around cycle ${cycleOf(time)}\nbusy ${percent(run.busy(pe, time))} · stalled ${percent(run.stalled(pe, time))}`;
  }

  zoom(factor, x) {
    const middle = this.time(x), run = this.app.run;
    const span = clamp((this.to - this.from) * factor, 8, run.cycles);
    const from = clamp(middle - (middle - this.from) / (this.to - this.from) * span, 0, run.cycles - span);
    this.app.show(from, from + span);
  }

  listen() {
    const canvas = this.canvas;
    let drag = null;
    canvas.addEventListener("pointerdown", (e) => {
      canvas.setPointerCapture(e.pointerId);
      const [x, y] = [e.offsetX, e.offsetY];
      drag = { x, y, from: this.from, to: this.to, moved: false, overview: y < OVERVIEW };
      if (drag.overview) this.app.centre(this.overviewTime(x));
    });
    canvas.addEventListener("pointermove", (e) => {
      const [x, y] = [e.offsetX, e.offsetY];
      if (!drag) {
        canvas.style.cursor = (this.hit(x, y) || [])[4] >= 0 ? "pointer" : "crosshair";
        this.app.tip(this.describe(x, y), e);
        return;
      }
      drag.moved = drag.moved || Math.abs(x - drag.x) > 4;
      if (drag.overview) this.app.centre(this.overviewTime(x));
      else if (drag.moved) {
        const span = drag.to - drag.from;
        const from = clamp(drag.from - (x - drag.x) / this.inner * span, 0, this.app.run.cycles - span);
        this.app.show(from, from + span);
      }
    });
    canvas.addEventListener("pointerup", (e) => {
      if (drag && !drag.moved && !drag.overview && e.offsetX >= GUTTER) this.click(e.offsetX, e.offsetY);
      drag = null;
    });
    canvas.addEventListener("pointerleave", () => this.app.tip(""));
    canvas.addEventListener("wheel", (e) => {
      if (e.offsetX < GUTTER && !e.shiftKey) return;  // scrolls the chart
      e.preventDefault();
      const pan = e.shiftKey ? e.deltaY || e.deltaX : e.deltaX;
      if (Math.abs(pan) > Math.abs(e.deltaY) || e.shiftKey) {
        const shift = pan / this.inner * (this.to - this.from);
        const span = this.to - this.from;
        const from = clamp(this.from + shift, 0, this.app.run.cycles - span);
        this.app.show(from, from + span);
      } else this.zoom(Math.exp(e.deltaY * 0.0022), clamp(e.offsetX, GUTTER, GUTTER + this.inner));
    }, { passive: false });
  }

  legend() {
    const chosen = this.app.view.pe >= 0;
    const items = chosen ? [["task", `color-mix(in srgb, ${palette.accent} 28%, ${palette.panel})`], ["operation", palette.busy],
      ["the share of it that it waited", palette.stall], ["queue level", palette.queue]] : [];
    return [items, (chosen ? "" : "Click a row to see the PE's tasks, operations and queues.  ")
      + (this.app.run.spansUntil > this.app.run.window[0] ? "Blue line: all tasks and operations are known." : "")];
  }

  click(x, y) {
    const box = this.hit(x, y), pe = this.heatPe(y);
    this.app.setTime(this.time(x));
    if (box && box[4] >= 0) this.app.chooseSpan(box[4]);
    else if (pe >= 0) this.app.choosePe(pe);
  }
}

// 1, 2, 5, 10, 20, 50 …
function* steps() {
  for (let power = 1; ; power *= 10) for (const s of [1, 2, 5]) yield s * power;
}

// Colours of all shares of busy and stalled in steps of 1/31.
function mixTable() {
  const shares = Array.from({ length: 32 }, (_, i) => i / 31);
  return shares.map((busy) => shares.map((stalled) => activityColor(busy, stalled)));
}

function describeSpan(run, pe, span) {
  const lines = [
    `${span.label}${span.lane < 10 ? ` · ${LANES[span.lane]}` : ""}`,
    `cycles ${count(span.begin)} … ${count(span.end)}: ${count(span.end - span.begin)}${span.open ? ", not finished" : ""}`,
  ];
  if (span.lane < 9) {
    lines.push(`${count(span.elements)} elements, waited ${count(span.waited)} cycles`);
    if (span.input >= 0) lines.push(`from ${run.queueName(pe, span.input)}`);
    if (span.output >= 0) lines.push(`to ${run.queueName(pe, 8 + span.output)}`);
  }
  const site = run.siteName(span.site);
  if (site) lines.push(site);
  return lines.join("\n");
}
