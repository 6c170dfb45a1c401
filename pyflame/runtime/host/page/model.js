// What the views ask about a run: counts at every level of detail, spans, moves, routes.

const DIRECTIONS = ["north", "south", "east", "west", "ramp"];
const STEP_X = [0, 0, 1, -1], STEP_Y = [-1, 1, 0, 0];
const LANES = ["microthread 0", "microthread 1", "microthread 2", "microthread 3",
  "microthread 4", "microthread 5", "microthread 6", "microthread 7",
  "main: fabric", "main: memory", "task"];
const LANE_ORDER = [10, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7];
const CAUSES = {
  start: "program start", launch: "launch", stream: "host", wavelet: "wavelet", lost: "not kept",
};

class Run {
  constructor(data) {
    Object.assign(this, data);
    this.pes = this.width * this.height;
    this.levelsOf = [this.finest()];
    while (last(this.levelsOf).count > 64) this.levelsOf.push(this.halved(last(this.levelsOf)));
    this.colors = this.usedColors();
  }

  // Bins as recorded: `busy` and `stalled` per PE, `mean…` over all PEs, shares of 255.
  finest() {
    const { shift, count, busy, stalled } = this.bins;
    return this.withMeans({ shift, count, busy, stalled });
  }

  halved(bins) {
    const count = Math.ceil(bins.count / 2);
    const halves = (from) => {
      const to = new Uint8Array(this.pes * count);
      for (let pe = 0; pe < this.pes; pe++) {
        for (let b = 0; b < count; b++) {
          const at = pe * bins.count + 2 * b;
          const second = 2 * b + 1 < bins.count ? from[at + 1] : from[at];
          to[pe * count + b] = (from[at] + second + 1) >> 1;
        }
      }
      return to;
    };
    const result = { shift: bins.shift + 1, count };
    return this.withMeans({ ...result, busy: halves(bins.busy), stalled: halves(bins.stalled) });
  }

  withMeans(bins) {
    const mean = (values) => {
      const sums = new Float32Array(bins.count);
      for (let pe = 0; pe < this.pes; pe++) {
        for (let b = 0; b < bins.count; b++) sums[b] += values[pe * bins.count + b];
      }
      return sums.map((v) => v / this.pes / 255);
    };
    bins.meanBusy = mean(bins.busy);
    bins.meanStalled = mean(bins.stalled);
    return bins;
  }

  // The coarsest bins that still are at most `cycles` wide.
  at(cycles) {
    let best = this.levelsOf[0];
    for (const bins of this.levelsOf) if (2 ** bins.shift <= cycles) best = bins;
    return best;
  }

  bin(time) {
    const b = Math.floor(time / 2 ** this.bins.shift);
    return Math.max(0, Math.min(this.bins.count - 1, b));
  }

  usedColors() {
    const used = new Set();
    for (let i = 0; i < this.routeOf.length; i++) if (this.routeOf[i] >= 0) used.add(i % 24);
    for (const what of this.turns.what) used.add(what & 31);
    return [...used].sort((a, b) => a - b);
  }

  peName(pe) { return `PE (${pe % this.width}, ${Math.floor(pe / this.width)})`; }

  image(pe) { return this.images[this.imageOf[pe]]; }

  peClass(pe) { return this.classes[this.image(pe).class]; }

  route(pe, color) {
    const number = this.routeOf[pe * 24 + color];
    return number < 0 ? null : this.routes[number];
  }

  // The last change of a colour's switch at a PE before a cycle, whose moves it governs; else -1.
  turn(pe, color, time) {
    if (!this.turnsOf) {
      this.turnsOf = new Map();
      this.turns.pe.forEach((at, i) => {
        const key = at * 24 + (this.turns.what[i] & 31);
        if (this.turnsOf.has(key)) this.turnsOf.get(key).push(i); else this.turnsOf.set(key, [i]);
      });
    }
    const list = this.turnsOf.get(pe * 24 + color) || [];
    const before = firstAtLeast(list.length, (i) => this.turns.time[list[i]], Math.floor(time));
    return before ? list[before - 1] : -1;
  }

  // Changes of all switches and routes before a cycle.
  turnsBefore(time) {
    return firstAtLeast(this.turns.time.length, (i) => this.turns.time[i], Math.floor(time));
  }

  // The position that a colour's switch is in.
  position(pe, color, time) {
    const turn = this.turn(pe, color, time), route = this.route(pe, color);
    return turn >= 0 ? this.turns.what[turn] >> 5 : route ? route.current : 0;
  }

  // Whether a colour ever has several positions at a PE.
  switched(pe, color) {
    const route = this.route(pe, color);
    if (route && route.positions.filter((p) => p).length > 1) return true;
    const turn = this.turn(pe, color, Infinity);
    return turn >= 0 && this.turns.positions.subarray(turn * 4 + 1, turn * 4 + 4).some((bits) => bits);
  }

  // The positions that a colour's switches have, of all PEs.
  positionsOf(color) {
    const found = new Set();
    for (let pe = 0; pe < this.pes; pe++) {
      const route = this.route(pe, color);
      if (route) route.positions.forEach((masks, i) => { if (masks) found.add(i); });
    }
    this.turns.what.forEach((what, turn) => {
      if ((what & 31) !== color) return;
      for (let i = 0; i < 4; i++) if (this.turns.positions[turn * 4 + i]) found.add(i);
    });
    return [...found].sort();
  }

  // rx and tx of a colour at a PE: of its position "now", at the "start", or 0 … 3; null if none.
  masks(pe, color, wanted, time) {
    const route = this.route(pe, color), turn = wanted === "start" ? -1 : this.turn(pe, color, time);
    if (turn >= 0) {
      const number = wanted === "now" ? this.turns.what[turn] >> 5 : Number(wanted);
      const bits = this.turns.positions[turn * 4 + number];
      return bits ? [bits & 31, bits >> 5] : null;
    }
    if (!route) return null;
    const number = Number.isNaN(Number(wanted)) ? route.current : Number(wanted);
    return route.positions[number] || null;
  }

  busy(pe, time) { return this.bins.busy[pe * this.bins.count + this.bin(time)] / 255; }

  stalled(pe, time) { return this.bins.stalled[pe * this.bins.count + this.bin(time)] / 255; }

  // Share of cycles in which a link moved a wavelet, and the bits of the colours it carried.
  link(pe, direction, time) {
    const at = (pe * 5 + direction) * this.bins.count + this.bin(time);
    return [this.bins.links[at] / 255, this.bins.masks[this.bins.colors[at]]];
  }

  // The middle of the first time bin in which most wavelets moved, or of the run if none did.
  busiestTraffic() {
    const { links, count: bins, shift } = this.bins;
    const sums = new Float64Array(bins);
    for (let i = 0; i < links.length; i++) sums[i % bins] += links[i];
    const most = Math.max(...sums);
    return most ? Math.min(this.cycles, (sums.indexOf(most) + 0.5) * 2 ** shift) : this.cycles / 2;
  }

  // Levels of one recorded queue (index into bins.queues) of a PE in a bin.
  level(pe, index, b) {
    return this.bins.levels[(pe * this.bins.queues.length + index) * this.bins.count + b];
  }

  // The fullest queue of a PE at a time, as a share of its depth.
  fullest(pe, time) {
    const b = this.bin(time);
    let most = 0;
    this.bins.queues.forEach((queue, i) => {
      most = Math.max(most, this.level(pe, i, b) / Math.max(1, this.depths[queue]));
    });
    return Math.min(1, most);
  }

  queueName(pe, queue) {
    const image = this.image(pe);
    const [kind, number, list] = queue < 8
      ? ["input", queue, image.inputs] : ["output", queue - 8, image.outputs];
    const entry = list.find(([n, c]) => n === number && c >= 0);
    return `${kind} queue ${number}` + (entry ? ` · colour ${entry[1]}` : "");
  }

  // Spans of a PE that touch [from, to], as numbers.
  spansOf(pe, from, to) {
    const { starts, begin, length } = this.spans;
    const found = [];
    for (let i = starts[pe]; i < starts[pe + 1]; i++) {
      if (begin[i] > to) break;
      if (begin[i] + length[i] >= from) found.push(i);
    }
    return found;
  }

  // The first span of a PE that begins at or after a cycle.
  firstSpan(pe, time) {
    const { starts, begin } = this.spans;
    return starts[pe] + firstAtLeast(starts[pe + 1] - starts[pe], (i) => begin[starts[pe] + i], time);
  }

  // Whether a PE has spans in [from, to].
  touched(pe, from, to) {
    const { starts, begin, length } = this.spans;
    for (let i = starts[pe]; i < starts[pe + 1] && begin[i] <= to; i++) {
      if (begin[i] + length[i] >= from) return true;
    }
    return false;
  }

  span(i) {
    const s = this.spans;
    const queues = s.queues[i];
    return {
      lane: s.lane[i], begin: s.begin[i], end: s.begin[i] + s.length[i], label: s.labels[s.label[i]],
      site: s.site[i], waited: s.waited[i], elements: s.elements[i], open: s.open[i] !== 0,
      input: (queues & 15) - 1, output: (queues >> 4) - 1,
    };
  }

  siteName(site) {
    if (site < 0) return "";
    const [file, line] = this.sites[site];
    return `${this.files[file] ? this.files[file].name : "?"}:${line}`;
  }

  // First move at or after a cycle.
  firstMove(time) {
    return firstAtLeast(this.moves.time.length, (i) => this.moves.time[i], time);
  }

  hasMoves(time) { return time >= this.window[0] && time < this.movesUntil; }
}

// The first of `length` ascending values that is at least `wanted`.
function firstAtLeast(length, value, wanted) {
  let low = 0, high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value(middle) < wanted) low = middle + 1; else high = middle;
  }
  return low;
}

const last = (list) => list[list.length - 1];
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const count = (value) => Math.round(value).toLocaleString("en-US");
const cycleOf = (time) => count(Math.floor(time));
const several = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const colorOf = (color, alpha = 1) => {
  const hue = (color * 137.508 + 12) % 360;
  const light = dark() ? 62 : 44;
  return `hsl(${hue.toFixed(1)} 72% ${light}% / ${alpha})`;
};
const dark = () => document.documentElement.dataset.theme === "dark";

// Colours of the style sheet as numbers, for canvases.
let palette = {};
function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const names = ["bg", "panel", "line", "text", "dim", "accent", "busy", "stall", "both", "idle", "queue",
    "traffic", "chain", "cursor", "hover"];
  palette = {};
  for (const name of names) palette[name] = style.getPropertyValue(`--${name}`).trim();
  const numbers = {};
  for (const name of names) {
    numbers[name] = [1, 3, 5].map((i) => parseInt(palette[name].slice(i, i + 2), 16));
  }
  palette.rgb = (name) => numbers[name];
}

// Idle, busy and stalled in their shares; between busy and stalled colours pass through a third.
function activityColor(busy, stalled) {
  const active = Math.min(1, busy + stalled), part = stalled / Math.max(busy + stalled, 1e-9);
  const [from, to, share] = part < 0.5
    ? [palette.rgb("busy"), palette.rgb("both"), 2 * part]
    : [palette.rgb("both"), palette.rgb("stall"), 2 * part - 1];
  return palette.rgb("idle").map((v, k) =>
    Math.round(v * (1 - active) + (from[k] + (to[k] - from[k]) * share) * active));
}

function rampColor(name, share) {
  const [from, to] = [palette.rgb("idle"), palette.rgb(name)];
  return from.map((v, k) => Math.round(v + (to[k] - v) * share));
}
const css = (rgb) => `rgb(${rgb[0]} ${rgb[1]} ${rgb[2]})`;

// A canvas in device pixels with a context in CSS pixels.
function prepare(canvas, frame = canvas.parentElement) {
  const ratio = window.devicePixelRatio || 1;
  const box = frame.getBoundingClientRect();
  const [width, height] = [Math.max(1, box.width), Math.max(1, box.height)];
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}
