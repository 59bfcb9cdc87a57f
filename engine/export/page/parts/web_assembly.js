"use strict";
/* The model as WebAssembly, compiled from the same C that runs on a microcontroller; kernels/web_assembly.c names
   its functions. What they read and write stays in the module's memory, which never grows. */
async function loadModel() {
  const code = Uint8Array.from(atob(MODEL.code), (c) => c.charCodeAt(0));
  const { exports: c } = (await WebAssembly.instantiate(code)).instance;
  const drawing = new Uint8Array(c.memory.buffer, c.drawing(), PEN.side * PEN.side);
  const seen = new Uint8Array(c.memory.buffer, c.image(), MODEL.pixels);
  const bytes = new Uint8Array(c.memory.buffer, c.output(), MODEL.classes.length);
  const scores = new Float32Array(c.memory.buffer, c.probabilities(), MODEL.classes.length);
  return {
    preprocess(ink, side) {
      drawing.set(ink);
      return c.preprocess(side, side) ? seen.slice() : null;
    },
    answer(image) {
      seen.set(image);
      c.predict();
      return { output: Int8Array.from(bytes, (v) => v - 128), probabilities: scores.slice() };
    },
  };
}
