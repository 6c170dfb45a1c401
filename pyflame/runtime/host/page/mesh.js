// The mesh: tiles coloured by what they do, links by what they carry, routes, wavelets in flight.

class Mesh {
  constructor(app) {
    this.app = app;
    this.canvas = document.getElementById("mesh");
    this.scale = 0;
    this.listen();
  }

  fit() { this.scale = 0; this.app.redraw(); }

  layout(width, height) {
    const run = this.app.run;
    if (!this.scale) {
      const margin = 26;
      this.scale = Math.min((width - 2 * margin) / run.width, (height - 2 * margin) / run.height, 130);
      this.x = (width - this.scale * run.width) / 2;
      this.y = (height - this.scale * run.height) / 2;
    }
  }

  // Middle of a tile.
  middle(pe) {
    const run = this.app.run;
    return [
      this.x + (pe % run.width + 0.5) * this.scale,
      this.y + (Math.floor(pe / run.width) + 0.5) * this.scale,
    ];
  }

  at(x, y) {
    const run = this.app.run;
    const column = Math.floor((x - this.x) / this.scale), row = Math.floor((y - this.y) / this.scale);
    const inside = column >= 0 && row >= 0 && column < run.width && row < run.height;
    return inside ? row * run.width + column : -1;
  }

  draw() {
    const { context: c, width, height } = prepare(this.canvas);
    this.layout(width, height);
    this.half = this.scale * (this.scale < 9 ? 0.46 : 0.31);
    this.drawAxes(c, width, height);
    this.drawTiles(c);
    const { mode, color, flow } = this.app.view;
    if (mode === "chain") this.drawChain(c);
    else if (color !== "none") this.drawRoutes(c);
    if (flow && mode !== "chain") this.drawFlow(c);
    this.drawSelection(c);
  }

  drawAxes(c, width, height) {
    const run = this.app.run;
    const step = [1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 256].find((s) => s * this.scale > 24) || 512;
    c.fillStyle = palette.dim;
    c.font = "10px system-ui, sans-serif";
    c.textAlign = "center";
    c.textBaseline = "middle";
    for (let x = 0; x < run.width; x += step) {
      c.fillText(x, this.x + (x + 0.5) * this.scale, clamp(this.y - 10, 8, height));
    }
    c.textAlign = "right";
    for (let y = 0; y < run.height; y += step) {
      c.fillText(y, clamp(this.x - 7, 18, width), this.y + (y + 0.5) * this.scale);
    }
  }

  tileColor(pe) {
    const run = this.app.run, { mode, time } = this.app.view;
    if (mode === "queues") return css(rampColor("queue", run.fullest(pe, time)));
    if (mode === "traffic") {
      let sum = 0;
      for (let d = 0; d < 5; d++) sum += run.link(pe, d, time)[0];
      return css(rampColor("traffic", Math.min(1, sum)));
    }
    if (mode === "class") return colorOf(run.imageOf[pe] + 3, 0.85);
    if (mode === "chain") return css(rampColor("chain", Math.sqrt(this.app.chainShare(pe))));
    return css(activityColor(run.busy(pe, time), run.stalled(pe, time)));
  }

  drawTiles(c) {
    const run = this.app.run, half = this.half, radius = Math.min(5, half / 3);
    for (let pe = 0; pe < run.pes; pe++) {
      const [x, y] = this.middle(pe);
      c.fillStyle = this.tileColor(pe);
      c.beginPath();
      c.roundRect(x - half, y - half, 2 * half, 2 * half, radius);
      c.fill();
    }
  }

  // From the middle of a tile toward a neighbour: start and end of the link's line.
  linkLine(pe, direction) {
    const [x, y] = this.middle(pe);
    const [dx, dy] = [STEP_X[direction], STEP_Y[direction]];
    const side = this.scale * 0.07;  // links of both directions lie beside each other
    const [sx, sy] = [dy * side, dx * side];
    const gap = this.half, length = this.scale - this.half;
    return [x + dx * gap + sx, y + dy * gap + sy, x + dx * length + sx, y + dy * length + sy];
  }

  // Traffic of the time bin on all links; single wavelets where they were recorded and time is slow.
  drawFlow(c) {
    const run = this.app.run, { time } = this.app.view;
    if (this.scale < 7) return;
    for (let pe = 0; pe < run.pes; pe++) {
      for (let d = 0; d < 4; d++) {
        const [share, mask] = run.link(pe, d, time);
        const color = this.shownColor(mask);
        if (!share || color < 0) continue;
        const [x0, y0, x1, y1] = this.linkLine(pe, d);
        const thick = Math.max(1, this.scale * 0.09 * Math.sqrt(share));
        c.strokeStyle = colorOf(color, 0.35 + 0.5 * share);
        c.lineWidth = thick;
        c.beginPath();
        c.moveTo(x0, y0);
        c.lineTo(x1, y1);
        c.stroke();
        this.arrow(c, x1, y1, STEP_X[d], STEP_Y[d], Math.max(2.5, thick * 1.5), colorOf(color, 0.9));
      }
    }
    if (run.hasMoves(time)) this.drawWavelets(c, time);
  }

  // The colour in which a link is shown: the chosen one, or the lowest that it carried.
  shownColor(mask) {
    const wanted = this.app.view.color;
    if (wanted !== "none" && wanted !== "all") return Math.floor(mask / 2 ** wanted) % 2 ? Number(wanted) : -1;
    for (let color = 0; color < 24; color++) if (Math.floor(mask / 2 ** color) % 2) return color;
    return -1;
  }

  drawWavelets(c, time) {
    const run = this.app.run, { time: times, pe: pes, what } = run.moves;
    const cycle = Math.floor(time), part = time - cycle;
    const wanted = this.app.view.color;
    const size = clamp(this.scale * 0.075, 2, 6);
    for (let i = run.firstMove(cycle); i < times.length && times[i] === cycle; i++) {
      const color = what[i] & 31, tx = (what[i] >> 8) & 31;
      if (wanted !== "none" && wanted !== "all" && color !== Number(wanted)) continue;
      const [x, y] = this.middle(pes[i]);
      for (let d = 0; d < 5; d++) {
        if (!((tx >> d) & 1)) continue;
        const reach = this.scale * (0.35 + 0.65 * part) * (d < 4 ? 1 : 0);
        const side = d < 4 ? this.scale * 0.07 : 0;
        const cx = x + (d < 4 ? STEP_X[d] * reach + STEP_Y[d] * side : 0);
        const cy = y + (d < 4 ? STEP_Y[d] * reach + STEP_X[d] * side : 0);
        this.wavelet(c, cx, cy, size * (d < 4 ? 1 : 1.25 - 0.5 * part), color, (what[i] >> 13) & 1);
      }
    }
  }

  wavelet(c, x, y, size, color, control) {
    c.fillStyle = colorOf(color);
    c.strokeStyle = palette.panel;
    c.lineWidth = 1.5;
    c.beginPath();
    if (control) {
      c.moveTo(x, y - size * 1.4);
      c.lineTo(x + size * 1.4, y);
      c.lineTo(x, y + size * 1.4);
      c.lineTo(x - size * 1.4, y);
      c.closePath();
    } else c.arc(x, y, size, 0, 7);
    c.fill();
    c.stroke();
  }

  arrow(c, x, y, dx, dy, size, fill) {
    c.fillStyle = fill;
    c.beginPath();
    c.moveTo(x + dx * size, y + dy * size);
    c.lineTo(x - dx * size - dy * size, y - dy * size - dx * size);
    c.lineTo(x - dx * size + dy * size, y - dy * size + dx * size);
    c.fill();
  }

  // Lines of a colour's routes through the tiles: from each rx edge to the middle, on to each tx.
  drawRoutes(c) {
    const run = this.app.run, { color: wanted, position } = this.app.view;
    const colors = wanted === "all" ? run.colors : [Number(wanted)];
    c.lineCap = "round";
    colors.forEach((color, order) => {
      const shift = (order - (colors.length - 1) / 2) * Math.min(4, this.scale * 0.5 / colors.length);
      const width = clamp(this.scale * 0.05, 1, colors.length > 1 ? 2 : 3.5);
      for (let pe = 0; pe < run.pes; pe++) {
        const masks = run.masks(pe, color, position, this.app.view.time);
        if (masks) this.drawRoute(c, pe, color, masks, shift, width);
      }
    });
    c.lineCap = "butt";
  }

  drawRoute(c, pe, color, [rx, tx], shift, width) {
    let [x, y] = this.middle(pe);
    x += shift;
    y += shift;
    const reach = this.scale / 2, ramp = clamp(this.scale * 0.1, 1.5, 7);
    c.strokeStyle = colorOf(color, 0.95);
    c.lineWidth = width;
    for (let d = 0; d < 4; d++) {
      const end = [x + STEP_X[d] * reach, y + STEP_Y[d] * reach];
      if ((rx >> d) & 1 || (tx >> d) & 1) {
        c.beginPath();
        c.moveTo(x, y);
        c.lineTo(...end);
        c.stroke();
      }
      if ((tx >> d) & 1 && this.scale >= 14) {
        const head = clamp(this.scale * 0.08, 2.5, 6);
        this.arrow(c, x + STEP_X[d] * (reach - head), y + STEP_Y[d] * (reach - head),
          STEP_X[d], STEP_Y[d], head, colorOf(color));
      }
    }
    if (rx & 16) this.ring(c, x, y, ramp, palette.panel, colorOf(color), width);
    if (tx & 16) this.ring(c, x, y, ramp * (rx & 16 ? 0.55 : 1), colorOf(color), palette.panel, 1);
  }

  ring(c, x, y, radius, fill, stroke, width) {
    c.fillStyle = fill;
    c.strokeStyle = stroke;
    c.lineWidth = Math.max(1, width);
    c.beginPath();
    c.arc(x, y, radius, 0, 7);
    c.fill();
    c.stroke();
  }

  drawChain(c) {
    const links = this.app.run.chain.links.filter((l) => l[0] >= 0);
    c.lineWidth = clamp(this.scale * 0.06, 1.5, 3);
    for (let i = 1; i < links.length; i++) {
      if (links[i][3] !== "wavelet" || links[i][0] === links[i - 1][0]) continue;
      const [x0, y0] = this.middle(links[i - 1][0]), [x1, y1] = this.middle(links[i][0]);
      const now = links[i][5] <= this.app.view.time;
      const bend = 0.16;
      const [cx, cy] = [(x0 + x1) / 2 - (y1 - y0) * bend, (y0 + y1) / 2 + (x1 - x0) * bend];
      c.strokeStyle = now ? palette.chain : palette.dim;
      c.globalAlpha = now ? 0.8 : 0.25;
      c.beginPath();
      c.moveTo(x0, y0);
      c.quadraticCurveTo(cx, cy, x1, y1);
      c.stroke();
      const length = Math.hypot(x1 - cx, y1 - cy) || 1;
      this.arrow(c, x1 - (x1 - cx) / length * 4, y1 - (y1 - cy) / length * 4,
        (x1 - cx) / length, (y1 - cy) / length, clamp(this.scale * 0.09, 3, 6), c.strokeStyle);
    }
    c.globalAlpha = 1;
  }

  drawSelection(c) {
    for (const [pe, color, width] of [[this.hovered, palette.dim, 1], [this.app.view.pe, palette.cursor, 2]]) {
      if (pe === undefined || pe < 0) continue;
      const [x, y] = this.middle(pe), half = this.half + 2;
      c.strokeStyle = color;
      c.lineWidth = width;
      c.beginPath();
      c.roundRect(x - half, y - half, 2 * half, 2 * half, Math.min(6, half / 3));
      c.stroke();
    }
  }

  legend() {
    const { mode, color } = this.app.view;
    const items = {
      activity: [["busy", palette.busy], ["stalled: the main thread waits in an operation", palette.stall],
        ["idle", palette.idle]],
      queues: [["queues empty", palette.idle], ["fullest queue is full", palette.queue]],
      traffic: [["no wavelets", palette.idle], ["router moves one each cycle or more", palette.traffic]],
      class: this.app.run.images.slice(0, 12).map((image, i) =>
        [`${image.name} · ${several(image.pes, "PE")}`, colorOf(i + 3, 0.85)]),
      chain: [["not on the chain", palette.idle], ["share of the critical chain", palette.chain]],
    }[mode].slice();
    const colors = color === "none" || color === "all" ? this.app.run.colors.slice(0, 24) : [Number(color)];
    if (mode !== "class" && mode !== "chain") {
      for (const c of colors) items.push([`colour ${c}`, colorOf(c)]);
    }
    const text = color === "none" || mode === "chain" ? "" : "● to core   ○ from core   ◆ control";
    return [items, text];
  }

  describe(pe) {
    const run = this.app.run, { time } = this.app.view;
    const lines = [`${run.peName(pe)} · ${run.image(pe).name}`];
    const busy = run.busy(pe, time), stalled = run.stalled(pe, time);
    lines.push(`busy ${percent(busy)} · stalled ${percent(stalled)} · idle ${percent(Math.max(0, 1 - busy - stalled))}`);
    const b = run.bin(time);
    run.bins.queues.forEach((queue, i) => {
      const level = run.level(pe, i, b);
      if (level) lines.push(`${run.queueName(pe, queue)}: ${level} of ${run.depths[queue]}`);
    });
    return lines.join("\n");
  }

  listen() {
    const canvas = this.canvas;
    let drag = null;
    canvas.addEventListener("pointerdown", (e) => {
      drag = { x: e.offsetX, y: e.offsetY, left: this.x, top: this.y, moved: false };
      canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointermove", (e) => {
      if (drag) {
        const [dx, dy] = [e.offsetX - drag.x, e.offsetY - drag.y];
        drag.moved = drag.moved || Math.hypot(dx, dy) > 4;
        if (drag.moved) [this.x, this.y] = [drag.left + dx, drag.top + dy];
        this.app.redraw();
        return;
      }
      const pe = this.at(e.offsetX, e.offsetY);
      if (pe !== this.hovered) { this.hovered = pe; this.app.redraw(); }
      this.app.tip(pe >= 0 ? this.describe(pe) : "", e);
    });
    canvas.addEventListener("pointerup", (e) => {
      if (drag && !drag.moved) {
        const pe = this.at(e.offsetX, e.offsetY);
        if (pe >= 0) this.app.choosePe(pe);
      }
      drag = null;
    });
    canvas.addEventListener("pointerleave", () => {
      this.hovered = -1;
      this.app.tip("");
      this.app.redraw();
    });
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      const factor = Math.exp(-e.deltaY * 0.0015);
      const scale = clamp(this.scale * factor, 1, 260);
      this.x = e.offsetX - (e.offsetX - this.x) * scale / this.scale;
      this.y = e.offsetY - (e.offsetY - this.y) * scale / this.scale;
      this.scale = scale;
      this.app.redraw();
    }, { passive: false });
  }
}
