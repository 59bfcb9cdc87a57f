"use strict";
/* The page around the model: what is drawn goes to the model once for each frame, and its answer to the screen. */
const ALL_BARS = 10, SOME_BARS = 5; /* up to ten classes each have a bar in its place; else the likeliest are shown */
const STEP = 8; /* model pixels that an arrow key moves the pen */

const find = (id) => document.getElementById(id);
const paper = find("paper"), view = paper.getContext("2d");
const ink = new Ink();
let model = null, active = null, waiting = false, frames = 0;
const keyPen = { x: PEN.side / 2, y: PEN.side / 2, isDown: false };

function scheme(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}

/* The pen */

function widthOf(event, erases) {
  const [low, slope] = PEN.pressure;
  const isPen = event.pointerType === "pen" && event.pressure > 0 && event.pressure < 1;
  return PEN.brush * (isPen ? low + slope * event.pressure : 1) * (erases ? PEN.eraser : 1);
}

function pointOf(event, erases) {
  const box = paper.getBoundingClientRect(), edge = paper.clientLeft;
  const x = event.clientX - box.left - edge, y = event.clientY - box.top - edge;
  const factor = PEN.side / paper.clientWidth;
  return { x: x * factor, y: y * factor, width: widthOf(event, erases) };
}

paper.addEventListener("pointerdown", (event) => {
  if (active !== null || ![0, 2, 5].includes(event.button)) return;
  active = { pointer: event.pointerId, erases: event.button !== 0 };
  paper.setPointerCapture(event.pointerId);
  ink.begin(pointOf(event, active.erases), active.erases);
  show();
});

paper.addEventListener("pointermove", (event) => {
  if (active?.pointer !== event.pointerId) return;
  const passed = event.getCoalescedEvents?.() ?? [];
  for (const at of passed.length ? passed : [event]) ink.extend(pointOf(at, active.erases));
  show();
});

for (const name of ["pointerup", "pointercancel"]) {
  paper.addEventListener(name, (event) => {
    if (active?.pointer === event.pointerId) active = null;
  });
}

paper.addEventListener("contextmenu", (event) => event.preventDefault());

/* The keyboard */

const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

paper.addEventListener("keydown", (event) => {
  const move = MOVES[event.key];
  if (active !== null || !(move || event.key === " ")) return;
  event.preventDefault();
  if (move) {
    keyPen.x = Math.min(Math.max(keyPen.x + move[0], 0), PEN.side);
    keyPen.y = Math.min(Math.max(keyPen.y + move[1], 0), PEN.side);
    if (keyPen.isDown) ink.extend({ x: keyPen.x, y: keyPen.y, width: PEN.brush });
  } else {
    keyPen.isDown = !keyPen.isDown;
    if (keyPen.isDown) ink.begin({ x: keyPen.x, y: keyPen.y, width: PEN.brush }, false);
  }
  show();
});

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") undo();
  if (event.target === paper && ["Delete", "Backspace"].includes(event.key)) clear();
});

function undo() {
  if (active !== null || ink.strokes.length === 0) return;
  keyPen.isDown = false;
  ink.undo();
  show();
}

function clear() {
  if (active !== null) return;
  keyPen.isDown = false;
  ink.show([]);
  show();
}

find("undo").addEventListener("click", undo);
find("clear").addEventListener("click", clear);

/* The screen */

function show() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    paintInk();
    if (model === null) return;
    showAnswer(model.preprocess(ink.read(), PEN.side)).catch((error) => say(`No answer: ${error.message}`, false));
  });
}

function paintInk() {
  const side = Math.round(paper.clientWidth * devicePixelRatio), empty = ink.strokes.length === 0;
  if (paper.width !== side) paper.width = paper.height = side;
  view.setTransform(1, 0, 0, 1, 0, 0);
  view.clearRect(0, 0, side, side);
  view.setTransform(side / PEN.side, 0, 0, side / PEN.side, 0, 0);
  ink.strokes.forEach(paintStroke);
  if (document.activeElement === paper && paper.matches(":focus-visible")) paintKeyPen();
  find("undo").disabled = find("clear").disabled = empty;
}

function paintStroke({ points, erases }) {
  view.globalCompositeOperation = erases ? "destination-out" : "source-over";
  view.strokeStyle = scheme("--ink");
  view.lineCap = view.lineJoin = "round";
  let before = points[0];
  view.beginPath();
  view.moveTo(before.x, before.y);
  view.lineWidth = before.width;
  for (const point of points) {
    if (point.width !== view.lineWidth) {
      view.stroke();
      view.beginPath();
      view.moveTo(before.x, before.y);
      view.lineWidth = point.width;
    }
    view.lineTo(point.x, point.y);
    before = point;
  }
  view.stroke();
}

function paintKeyPen() {
  view.globalCompositeOperation = "source-over";
  view.strokeStyle = scheme(keyPen.isDown ? "--accent" : "--outline");
  view.lineWidth = 2;
  view.beginPath();
  view.arc(keyPen.x, keyPen.y, PEN.brush / 2, 0, 2 * Math.PI);
  view.stroke();
}

async function showAnswer(image) {
  paintSeen(image ?? new Uint8Array(find("seen").width ** 2));
  const turn = ++frames;
  const answer = image && (await model.answer(image));
  if (turn !== frames) return; /* a newer drawing has been asked about meanwhile */
  showBars(answer ? answer.probabilities : []);
}

function paintSeen(image) {
  const seen = find("seen"), target = seen.getContext("2d"), pixels = target.createImageData(seen.width, seen.height);
  image.forEach((v, i) => pixels.data.set([v, v, v, 255], 4 * i));
  target.putImageData(pixels, 0, 0);
}

function percent(p) {
  return `${(100 * p).toFixed(1)} %`;
}

function showBars(probabilities) {
  const classes = MODEL.classes.map((label, i) => ({ label, p: probabilities[i] ?? 0 }));
  const ranked = [...classes].sort((a, b) => b.p - a.p);
  const shown = classes.length <= ALL_BARS ? classes : ranked.slice(0, SOME_BARS);
  const best = probabilities.length ? ranked[0] : null;
  find("bars").replaceChildren(...shown.map((one) => barOf(one, one === best)));
  say(best ? best.label : "Nothing drawn", best !== null);
}

function say(words, isClass) {
  const top = find("top");
  if (top.textContent !== words) top.textContent = words; /* a screen reader says only what is new */
  top.classList.toggle("found", isClass);
}

function barOf({ label, p }, isBest) {
  const row = document.createElement("tr");
  const [name, track, bar] = ["th", "div", "div"].map((tag) => document.createElement(tag));
  name.scope = "row";
  name.textContent = label;
  track.className = "track";
  bar.className = "bar";
  bar.style.width = `${100 * p}%`;
  track.append(bar);
  row.className = isBest ? "best" : "";
  row.append(name, document.createElement("td"), document.createElement("td"));
  row.children[1].append(track);
  row.children[2].textContent = percent(p);
  return row;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
for (const name of ["focus", "blur"]) paper.addEventListener(name, show);
new ResizeObserver(show).observe(paper);
showBars([]);
loadModel().then(
  (loaded) => {
    model = loaded;
    window.tinyml = { ...model, ink }; /* for programs that ask the page */
    document.documentElement.dataset.ready = "yes";
    show();
  },
  (error) => say(`The model does not load: ${error.message}`, false),
);
