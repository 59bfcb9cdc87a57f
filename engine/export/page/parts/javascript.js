"use strict";
/* The model as a list of calls. Their arrays are written as base64, under the name of their numbers' type. */
const ARRAYS = { int8: Int8Array, int32: Int32Array, uint32: Uint32Array };

function bytesOf(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

function revive(_, value) {
  return value?.type ? new ARRAYS[value.type](bytesOf(value.base64).buffer) : value;
}

function probabilitiesOf(output) {
  const scores = Float32Array.from(output, (q) => MODEL.scale * (q - MODEL.zero_point));
  if (!MODEL.softmax) return scores;
  const largest = Math.max(...scores), e = scores.map((v) => Math.exp(v - largest));
  const total = e.reduce((a, b) => a + b);
  return e.map((v) => v / total);
}

async function loadModel() {
  const stages = JSON.parse(MODEL.stages, revive);
  return {
    preprocess,
    answer(image) {
      const output = stages.reduce((x, [name, call]) => CALLS[name](call, x), Int8Array.from(image, (v) => v - 128));
      return { output, probabilities: probabilitiesOf(output) };
    },
  };
}
