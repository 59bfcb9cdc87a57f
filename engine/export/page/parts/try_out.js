
/* Answers the images of a file, outside any page. */
loadModel().then((model) => {
  const { images, drawings } = JSON.parse(require("node:fs").readFileSync(process.argv[2], "utf8"));
  const answers = images.map((image) => model.answer(Uint8Array.from(image)));
  const seen = drawings.map((ink) => model.preprocess(Uint8Array.from(ink), PEN.side));
  console.log(JSON.stringify({
    outputs: answers.map((answer) => Array.from(answer.output)),
    probabilities: answers.map((answer) => Array.from(answer.probabilities)),
    seen: seen.map((image) => image && Array.from(image)),
  }));
});
