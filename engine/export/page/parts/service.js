"use strict";
/* The model behind a service: the drawing is prepared here, and the service that sent the page answers. */
async function loadModel() {
  return {
    preprocess,
    async answer(image) {
      const headers = { "Content-Type": "application/octet-stream" };
      const answer = await fetch("predict", { method: "POST", headers, body: image });
      if (!answer.ok) throw new Error(await answer.text());
      const { probabilities } = await answer.json();
      return { output: null, probabilities };
    },
  };
}
