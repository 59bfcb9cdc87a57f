"use strict";
/* Strokes become ink: opacities, PEN.side pixels a side. A canvas could paint them, but browsers paint edges in
   different ways, and some add noise to what is read back from a canvas; these loops give all of them the same ink. */

/* Marks in `cover` how much of each pixel a round-ended line covers, by the distance of its centre from the line. */
function coverLine(cover, from, to, width) {
  const side = PEN.side, reach = width / 2 + 0.5, dx = to.x - from.x, dy = to.y - from.y;
  const length = dx * dx + dy * dy || 1;
  const first = (a, b) => Math.max(0, Math.floor(Math.min(a, b) - reach));
  const last = (a, b) => Math.min(side, Math.ceil(Math.max(a, b) + reach));
  for (let i = first(from.y, to.y); i < last(from.y, to.y); i++) {
    for (let j = first(from.x, to.x); j < last(from.x, to.x); j++) {
      const x = j + 0.5 - from.x, y = i + 0.5 - from.y;
      const along = Math.min(Math.max((x * dx + y * dy) / length, 0), 1);
      const covered = Math.min(reach - Math.hypot(x - along * dx, y - along * dy), 1);
      if (covered > 0) cover[i * side + j] = Math.max(cover[i * side + j], Math.round(255 * covered));
    }
  }
}

/* A stroke is {points, erases}, a point {x, y, width}: where the pen was and how wide it drew. */
class Ink {
  constructor() {
    this.strokes = [];
    this.opacity = new Uint8Array(PEN.side * PEN.side);
    this.below = this.opacity.slice();
    this.cover = this.opacity.slice();
  }

  begin(point, erases) {
    this.below.set(this.opacity);
    this.cover.fill(0);
    this.strokes.push({ points: [], erases });
    this.extend(point);
  }

  extend(point) {
    const { points } = this.strokes.at(-1);
    coverLine(this.cover, points.at(-1) ?? point, point, point.width);
    points.push(point);
  }

  /* Puts the newest stroke on what is below it, and returns all ink. */
  read() {
    const erases = this.strokes.at(-1)?.erases;
    for (let at = 0; at < this.opacity.length; at++) {
      const below = this.below[at], rest = Math.round((below * (255 - this.cover[at])) / 255);
      this.opacity[at] = erases ? rest : rest + this.cover[at];
    }
    return this.opacity;
  }

  show(strokes) {
    this.strokes = [];
    for (const plane of [this.opacity, this.below, this.cover]) plane.fill(0);
    for (const { points: [first, ...others], erases } of strokes) {
      this.begin(first, erases);
      others.forEach((point) => this.extend(point));
      this.read();
    }
  }

  undo() {
    this.show(this.strokes.slice(0, -1));
  }
}
