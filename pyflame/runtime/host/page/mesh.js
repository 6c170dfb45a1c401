// The mesh: tiles coloured by what they do, and what lies between them (links.js).

class Mesh {
  constructor(app) {
    this.app = app;
    this.canvas = document.getElementById("mesh");
    this.scale = 0;
    this.links = new Links(app, this);
    this.listen();
  }

  fit() { this.scale = 0; this.app.redraw(); }

  // The whole mesh fits in until somebody moves it.
  layout(width, height) {
    const run = this.app.run;
    if (!this.scale) this.moved = false;
    if (!this.moved) {
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
    this.half = this.scale * (this.scale < 9 ? 0.46 : this.scale < SMALL ? 0.36 : 0.31);
    this.drawAxes(c, width, height);
    this.drawTiles(c);
    const { mode, color, flow } = this.app.view;
    if (mode === "chain") this.drawChain(c);
    else {
      if (color !== "none") this.links.drawRoutes(c, width, height);
      if (flow) this.links.drawFlow(c);
    }
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
    if (mode === "class") return colorOf(run.image(pe).class + 3, 0.85);
    if (mode === "chain") return css(rampColor("chain", Math.sqrt(this.app.chainShare(pe))));
    return css(activityColor(run.busy(pe, time), run.stalled(pe, time)));
  }

  drawTiles(c) {
    const run = this.app.run, half = this.half, radius = Math.min(5, half / 3);
    for (let pe = 0; pe < run.pes; pe++) {
      const [x, y] = this.middle(pe);
      c.fillStyle = this.tileColor(pe);
      if (this.scale < SMALL) {
        c.fillRect(x - half, y - half, 2 * half, 2 * half);
        continue;
      }
      c.beginPath();
      c.roundRect(x - half, y - half, 2 * half, 2 * half, radius);
      c.fill();
    }
  }

  // The ways of the chain's wavelets, each drawn once, the thicker the oftener; the last one before
  // now stands out.
  drawChain(c) {
    const links = this.app.run.chain.links, now = this.app.chainAt(this.app.view.time);
    const ways = new Map();
    let latest = "";
    for (let i = 1; i < links.length; i++) {
      const from = links[i - 1][0], to = links[i][0];
      if (links[i][3] !== "wavelet" || from === to || from < 0) continue;
      const key = `${from} ${to}`;
      ways.set(key, { from, to, times: (ways.get(key) || { times: 0 }).times + 1 });
      if (i <= now) latest = key;
    }
    const thin = clamp(this.scale * 0.03, 1, 2);
    for (const [key, { from, to, times }] of ways) {
      if (key !== latest) this.drawWay(c, from, to, thin * Math.min(3, 1 + Math.log2(times) / 3), css(rampColor("chain", 0.55)));
    }
    if (latest) this.drawWay(c, ways.get(latest).from, ways.get(latest).to, thin * 2.5, palette.text);
  }

  drawWay(c, from, to, width, color) {
    const [x0, y0] = this.middle(from), [x1, y1] = this.middle(to), bend = 0.16;
    const [cx, cy] = [(x0 + x1) / 2 - (y1 - y0) * bend, (y0 + y1) / 2 + (x1 - x0) * bend];
    c.strokeStyle = color;
    c.lineWidth = width;
    c.beginPath();
    c.moveTo(x0, y0);
    c.quadraticCurveTo(cx, cy, x1, y1);
    c.stroke();
    const length = Math.hypot(x1 - cx, y1 - cy) || 1, head = clamp(this.scale * 0.09, 3, 6);
    const [dx, dy] = [(x1 - cx) / length, (y1 - cy) / length];
    this.arrow(c, x1 - dx * head, y1 - dy * head, dx, dy, head, color);
  }

  arrow(c, x, y, dx, dy, size, fill) {
    const strokes = new Strokes();
    strokes.arrow(fill, x, y, dx, dy, size);
    strokes.draw(c);
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
        ["busy and stalled by turns", palette.both], ["idle", palette.idle]],
      queues: [["queues empty", palette.idle], ["fullest queue is full", palette.queue]],
      traffic: [["no wavelets", palette.idle], ["router moves one each cycle or more", palette.traffic]],
      class: this.app.run.classes.slice(0, 12).map((one, i) =>
        [`${one.name} · ${several(one.pes, "PE")}`, colorOf(i + 3, 0.85)]),
      chain: [["not on the chain", palette.idle], ["much of the critical chain", palette.chain],
        ["the last wavelet on it before now", palette.text]],
    }[mode].slice();
    const colors = color === "none" || color === "all" ? this.app.run.colors.slice(0, 24) : [Number(color)];
    if (mode !== "class" && mode !== "chain") {
      for (const c of colors) items.push([`colour ${c}`, colorOf(c)]);
    }
    const text = mode === "chain" ? "" : "◆ control wavelet" + (color === "none" ? "" : " · routes: ● to core, ○ from core");
    return [items, text];
  }

  describe(pe) {
    const run = this.app.run, { time } = this.app.view;
    const lines = [`${run.peName(pe)} · ${run.peClass(pe).name}`];
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
        this.moved = this.moved || drag.moved;
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
      this.moved = true;
      this.app.redraw();
    }, { passive: false });
  }
}
