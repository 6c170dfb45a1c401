// What lies between the tiles of the mesh: traffic, single wavelets, routes.

const SMALL = 16;  // tiles below this size have no arrow heads

// Drawing that is collected by style, so that each style is drawn once; later layers above.
class Strokes {
  constructor() { this.paths = new Map(); }

  // Lines have a width, filled shapes none.
  path(color, width, layer) {
    const key = `${layer} ${width.toFixed(1)} ${color}`;
    if (!this.paths.has(key)) this.paths.set(key, { color, width, layer, path: new Path2D() });
    return this.paths.get(key).path;
  }

  line(color, width, x0, y0, x1, y1) {
    const path = this.path(color, width, 0);
    path.moveTo(x0, y0);
    path.lineTo(x1, y1);
  }

  arrow(color, x, y, dx, dy, size) {
    const path = this.path(color, 0, 1);
    path.moveTo(x + dx * size, y + dy * size);
    path.lineTo(x - dx * size - dy * size, y - dy * size - dx * size);
    path.lineTo(x - dx * size + dy * size, y - dy * size + dx * size);
    path.closePath();
  }

  disc(color, x, y, radius, layer) {
    const path = this.path(color, 0, layer);
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 7);
  }

  draw(c) {
    for (const { color, width, path } of [...this.paths.values()].sort((a, b) => a.layer - b.layer)) {
      c.fillStyle = c.strokeStyle = color;
      c.lineWidth = width;
      if (width) c.stroke(path); else c.fill(path);
    }
  }
}

class Links {
  constructor(app, mesh) {
    this.app = app;
    this.mesh = mesh;
    this.layer = document.createElement("canvas");
  }

  // From the middle of a tile toward a neighbour: start and end of the link's line.
  line(pe, direction) {
    const { scale, half } = this.mesh, [x, y] = this.mesh.middle(pe);
    const [dx, dy] = [STEP_X[direction], STEP_Y[direction]];
    const side = scale * 0.07;  // links of both directions lie beside each other
    const [sx, sy] = [dy * side, dx * side];
    const length = scale - half;
    return [x + dx * half + sx, y + dy * half + sy, x + dx * length + sx, y + dy * length + sy];
  }

  // Traffic of the time bin on all links; single wavelets where they were recorded.
  drawFlow(c) {
    const run = this.app.run, { time } = this.app.view, { scale } = this.mesh;
    if (scale < 5) return;
    const strokes = new Strokes();
    for (let pe = 0; pe < run.pes; pe++) {
      for (let d = 0; d < 4; d++) {
        const [share, mask] = run.link(pe, d, time);
        const colors = share ? this.shownColors(mask) : [];
        if (!colors.length) continue;
        const level = Math.ceil(4 * Math.sqrt(share)) / 4;
        const thick = Math.max(1, scale * (scale < SMALL ? 0.16 : 0.09) * level);
        const [x0, y0, x1, y1] = this.line(pe, d);
        colors.forEach((color, i) => {  // a link that carried several colours has a part of each
          const [from, to] = [i / colors.length, (i + 1) / colors.length];
          strokes.line(colorOf(color, 0.4 + 0.5 * level), thick,
            x0 + (x1 - x0) * from, y0 + (y1 - y0) * from, x0 + (x1 - x0) * to, y0 + (y1 - y0) * to);
        });
        if (scale >= SMALL) {
          strokes.arrow(colorOf(last(colors), 0.9), x1, y1, STEP_X[d], STEP_Y[d], Math.max(2.5, thick * 1.3));
        }
      }
    }
    strokes.draw(c);
    if (run.hasMoves(time)) this.drawWavelets(c, time);
  }

  // The colours in which a link is shown: the chosen one, or those that it carried.
  shownColors(mask) {
    const wanted = this.app.view.color, carried = (color) => Math.floor(mask / 2 ** color) % 2;
    if (wanted !== "none" && wanted !== "all") return carried(wanted) ? [Number(wanted)] : [];
    const colors = [];
    for (let color = 0; color < 24; color++) if (carried(color)) colors.push(color);
    return this.mesh.scale < SMALL ? colors.slice(0, 1) : colors.slice(0, 4);
  }

  drawWavelets(c, time) {
    const run = this.app.run, { time: times, pe: pes, what } = run.moves, { scale } = this.mesh;
    const cycle = Math.floor(time), part = time - cycle;
    const wanted = this.app.view.color;
    const size = clamp(scale * 0.075, 1.5, 6);
    for (let i = run.firstMove(cycle); i < times.length && times[i] === cycle; i++) {
      const color = what[i] & 31, tx = (what[i] >> 8) & 31;
      if (wanted !== "none" && wanted !== "all" && color !== Number(wanted)) continue;
      const [x, y] = this.mesh.middle(pes[i]);
      for (let d = 0; d < 5; d++) {
        if (!((tx >> d) & 1)) continue;
        const reach = scale * (0.35 + 0.65 * part) * (d < 4 ? 1 : 0);
        const side = d < 4 ? scale * 0.07 : 0;
        const cx = x + (d < 4 ? STEP_X[d] * reach + STEP_Y[d] * side : 0);
        const cy = y + (d < 4 ? STEP_Y[d] * reach + STEP_X[d] * side : 0);
        this.wavelet(c, cx, cy, size * (d < 4 ? 1 : 1.25 - 0.5 * part), color, (what[i] >> 13) & 1);
      }
    }
  }

  wavelet(c, x, y, size, color, control) {
    c.fillStyle = colorOf(color);
    c.strokeStyle = palette.panel;
    c.lineWidth = size < 3 ? 0.5 : 1.5;
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

  // Routes as a picture of their own, which is drawn anew only when it changes.
  drawRoutes(c, width, height) {
    const run = this.app.run, { color, position, time } = this.app.view, { x, y, scale } = this.mesh;
    const changes = position === "start" ? 0 : run.turnsBefore(time);
    const key = [run.id, color, position, changes, x, y, scale, width, height, dark()].join();
    if (key !== this.layerKey) {
      this.layerKey = key;
      const ratio = window.devicePixelRatio || 1;
      this.layer.width = Math.round(width * ratio);
      this.layer.height = Math.round(height * ratio);
      const context = this.layer.getContext("2d");
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.lineCap = "round";
      this.paintRoutes(context);
    }
    c.drawImage(this.layer, 0, 0, width, height);
  }

  // Lines of a colour's routes through the tiles: from each rx edge to the middle, on to each tx.
  paintRoutes(c) {
    const run = this.app.run, { color: wanted, position, time } = this.app.view, { scale } = this.mesh;
    const colors = wanted === "all" ? run.colors : [Number(wanted)];
    const spread = Math.min(4, scale * 0.5 / colors.length);
    colors.forEach((color, order) => {
      const shift = (order - (colors.length - 1) / 2) * spread;
      const width = clamp(scale * 0.05, 1, colors.length > 1 ? 2 : 3.5);
      const strokes = new Strokes(), labels = [];
      for (let pe = 0; pe < run.pes; pe++) {
        if (position === "every") this.everyPosition(strokes, labels, pe, color, shift, width);
        else {
          const masks = run.masks(pe, color, position, time);
          if (masks) this.route(strokes, pe, masks, colorOf(color, 0.95), shift, width, colors.length);
        }
      }
      strokes.draw(c);
      if (wanted !== "all") this.positionLabels(c, color, labels);
    });
  }

  // All positions of a switch: the current one strong, the others thin; numbers at their exits.
  everyPosition(strokes, labels, pe, color, shift, width) {
    const run = this.app.run, now = run.position(pe, color, this.app.view.time);
    const several = [0, 1, 2, 3].filter((i) => run.masks(pe, color, i, this.app.view.time)).length > 1;
    const seen = [0, 0, 0, 0];
    for (let i = 0; i < 4; i++) {
      const masks = run.masks(pe, color, i, this.app.view.time);
      if (!masks) continue;
      const current = i === now;
      this.route(strokes, pe, masks, colorOf(color, current ? 0.95 : 0.3), shift, current ? width : width * 0.6, 1);
      for (let d = 0; several && d < 4; d++) {
        const changing = ((masks[1] | masks[0]) >> d) & 1;
        if (changing) labels.push([pe, d, seen[d]++, i, current]);
      }
    }
  }

  positionLabels(c, color, labels) {
    const run = this.app.run, { view } = this.app, { scale } = this.mesh;
    if (scale < 30) return;
    const size = clamp(scale * 0.13, 8, 12);
    c.font = `600 ${size}px system-ui, sans-serif`;
    c.textBaseline = "middle";
    c.textAlign = "center";
    for (const [pe, d, order, number, current] of labels) {
      const [x, y] = this.mesh.middle(pe), reach = scale * 0.4, side = size * (0.75 + order);
      c.fillStyle = current ? palette.text : palette.dim;
      c.fillText(number, x + STEP_X[d] * reach + Math.abs(STEP_Y[d]) * side, y + STEP_Y[d] * reach - Math.abs(STEP_X[d]) * side);
    }
    if (view.position !== "now" && view.position !== "start") return;
    for (let pe = 0; pe < run.pes; pe++) {  // which position a switch is in
      if (!run.switched(pe, color)) continue;
      const [x, y] = this.mesh.middle(pe), at = this.mesh.half - size * 0.8;
      const number = run.position(pe, color, view.position === "start" ? 0 : view.time);
      c.fillStyle = palette.panel;
      c.beginPath();
      c.arc(x - at, y - at, size * 0.75, 0, 7);
      c.fill();
      c.fillStyle = palette.text;
      c.fillText(number, x - at, y - at + 0.5);
    }
  }

  route(strokes, pe, [rx, tx], color, shift, width, colors) {
    const { scale } = this.mesh;
    let [x, y] = this.mesh.middle(pe);
    x += shift;
    y += shift;
    const reach = scale / 2, ramp = clamp(scale * 0.1 / Math.sqrt(colors), 1.5, 7);
    const head = clamp(scale * 0.08, 2.5, 6);
    for (let d = 0; d < 4; d++) {
      if ((rx >> d) & 1 || (tx >> d) & 1) {
        strokes.line(color, width, x, y, x + STEP_X[d] * reach, y + STEP_Y[d] * reach);
      }
      if ((tx >> d) & 1 && scale >= SMALL) {
        strokes.arrow(color, x + STEP_X[d] * (reach - head), y + STEP_Y[d] * (reach - head), STEP_X[d], STEP_Y[d], head);
      }
    }
    if (scale < 7) return;
    const both = rx & tx & 16;
    if ((rx | tx) & 16) strokes.disc(palette.panel, x, y, ramp + 1, 2);
    if ((rx | tx) & 16) strokes.disc(color, x, y, ramp, 3);
    if (rx & 16) strokes.disc(palette.panel, x, y, ramp - Math.max(1, width * 0.7), 4);
    if (both) strokes.disc(color, x, y, ramp * 0.45, 5);
  }
}
