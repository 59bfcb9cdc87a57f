"use strict";
/* A drawing becomes an image like those that the network was trained on, by the same whole numbers as in
   engine/data/preprocess.py, which explains the steps. An image is {pixels, height, width}. */
const SIDE = 28, INK_SIDE = 20, FINE_SIDE = 80;
const FAINTEST = 32, BRIGHT = 224, MOST_GAIN = 8, SOLID = 128;
const WIDTH_UNIT = 64, THINNEST = 512, WIDEST = 960;

function makeImage(height, width) {
  return { pixels: new Uint8Array(height * width), height, width };
}

function quotient(a, b) {
  return Math.floor(a / b);
}

/* Returns the part with pixels above a quarter of the brightest one; null if that one is too faint. */
function cropToInk({ pixels, height, width }) {
  const peak = pixels.reduce((a, b) => Math.max(a, b), 0);
  if (peak < FAINTEST) return null;
  let top = height, bottom = 0, left = width, right = 0;
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      if (pixels[i * width + j] <= peak >> 2) continue;
      top = Math.min(top, i);
      bottom = i + 1;
      left = Math.min(left, j);
      right = Math.max(right, j + 1);
    }
  }
  const cut = makeImage(bottom - top, right - left);
  for (let i = 0; i < cut.height; i++) {
    const start = (top + i) * width + left;
    cut.pixels.set(pixels.subarray(start, start + cut.width), i * cut.width);
  }
  return cut;
}

/* Calls visit(part, place, shared) for each new part and old place of an axis that overlap, by how much. */
function eachOverlap(old, parts, visit) {
  for (let part = 0; part < parts; part++) {
    for (let place = quotient(part * old, parts); place * parts < (part + 1) * old; place++) {
      visit(part, place, Math.min((part + 1) * old, (place + 1) * parts) - Math.max(part * old, place * parts));
    }
  }
}

/* Scales by area means so that the longer side has `longer` pixels. */
function scaled({ pixels, height, width }, longer) {
  const size = Math.max(height, width);
  const to = makeImage(
    Math.max(1, quotient(2 * height * longer + size, 2 * size)),
    Math.max(1, quotient(2 * width * longer + size, 2 * size)),
  );
  const rows = new Float64Array(to.height * width), sums = new Float64Array(to.height * to.width);
  eachOverlap(height, to.height, (i, from, shared) => {
    for (let j = 0; j < width; j++) rows[i * width + j] += shared * pixels[from * width + j];
  });
  eachOverlap(width, to.width, (j, from, shared) => {
    for (let i = 0; i < to.height; i++) sums[i * to.width + j] += shared * rows[i * width + from];
  });
  const area = height * width, half = area >> 1;
  sums.forEach((sum, i) => { to.pixels[i] = quotient(sum + half, area); });
  return to;
}

function brighten({ pixels }) {
  let sum = 0, squares = 0;
  for (const v of pixels) {
    sum += v;
    squares += v * v;
  }
  const mean = quotient(squares, Math.max(1, sum));
  if (mean >= BRIGHT) return;
  const gain = Math.min(MOST_GAIN * 256, quotient(BRIGHT * 256, Math.max(1, mean)));
  pixels.forEach((v, i) => { pixels[i] = Math.min((v * gain) >> 8, 255); });
}

/* Stroke width, 2 * area / perimeter (Crofton), in parts of a pixel. */
function strokeWidth(fine) {
  const { pixels, height, width } = padded(fine, 1);
  let area = 0, straight = 0, diagonal = 0;
  for (let i = 0; i + 1 < height; i++) {
    for (let j = 0; j + 1 < width; j++) {
      const at = i * width + j;
      const a = pixels[at] >= SOLID, b = pixels[at + 1] >= SOLID;
      const c = pixels[at + width] >= SOLID, d = pixels[at + width + 1] >= SOLID;
      area += a;
      straight += (a ^ b) + (a ^ c);
      diagonal += (a ^ d) + (b ^ c);
    }
  }
  return quotient(2 * area * WIDTH_UNIT * 1024, Math.max(402 * straight + 284 * diagonal, 1));
}

function padded({ pixels, height, width }, by) {
  const to = makeImage(height + 2 * by, width + 2 * by);
  for (let i = 0; i < height; i++) {
    to.pixels.set(pixels.subarray(i * width, (i + 1) * width), (i + by) * to.width + by);
  }
  return to;
}

/* Widens what is bright by one pixel: to a cross, or to a square. */
function dilated({ pixels, height, width }, square) {
  const wide = makeImage(height, width), tall = makeImage(height, width);
  pixels.forEach((v, at) => {
    const j = at % width;
    wide.pixels[at] = Math.max(v, j > 0 ? pixels[at - 1] : 0, j + 1 < width ? pixels[at + 1] : 0);
  });
  const source = square ? wide.pixels : pixels;
  wide.pixels.forEach((v, at) => {
    tall.pixels[at] = Math.max(v, source[at - width] ?? 0, source[at + width] ?? 0);
  });
  return tall;
}

function radiusOf(change, target) {
  const rest = FINE_SIDE * WIDTH_UNIT - target;
  return quotient(change * FINE_SIDE + rest, 2 * rest);
}

function inverted(image) {
  return { ...image, pixels: image.pixels.map((v) => 255 - v) };
}

function widened(image, radius) {
  for (let step = 0; step < radius; step++) image = dilated(image, step % 2 === 1);
  return image;
}

function evenStrokes(fine) {
  const width = strokeWidth(fine);
  if (width < THINNEST) {
    const radius = radiusOf(THINNEST - width, THINNEST);
    return widened(padded(fine, radius), radius);
  }
  if (width > WIDEST) return inverted(widened(inverted(padded(fine, 1)), radiusOf(width - WIDEST, WIDEST)));
  return fine;
}

/* Returns where to start along an axis so that the centre of mass comes to the middle. */
function offsetOf(small, alongRows) {
  let total = 0, moment = 0;
  small.pixels.forEach((v, at) => {
    total += v;
    moment += v * (alongRows ? quotient(at, small.width) : at % small.width);
  });
  const start = quotient(SIDE * total - 2 * moment + total, 2 * total);
  return Math.min(Math.max(start, 0), SIDE - (alongRows ? small.height : small.width));
}

/* Returns the SIDE * SIDE bytes that the network reads; null when nothing is drawn. */
function preprocess(ink, side) {
  const drawing = cropToInk({ pixels: ink, height: side, width: side });
  if (drawing === null) return null;
  const fine = scaled(drawing, FINE_SIDE);
  brighten(fine);
  const grown = cropToInk(evenStrokes(fine));
  if (grown === null) return null;
  const small = scaled(grown, INK_SIDE);
  const top = offsetOf(small, true), left = offsetOf(small, false);
  const image = new Uint8Array(SIDE * SIDE);
  for (let i = 0; i < small.height; i++) {
    image.set(small.pixels.subarray(i * small.width, (i + 1) * small.width), (top + i) * SIDE + left);
  }
  return image;
}
