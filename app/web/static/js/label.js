// Label previews, drawn from the very bytes at data-zpl-src by the vendored renderer. The renderer is large, so it is
// loaded only on pages that show a label, and works beside the page so that scans and weights are never kept waiting.
import { all, onShown } from "./page.js";

let worker = null;
let count = 0;
const waiting = new Map();

function ask(zpl, width, height, dots) {
  if (!worker) {
    worker = new Worker("/static/js/label_worker.js", { type: "module" });
    worker.addEventListener("message", ({ data }) => {
      const { done, fail } = waiting.get(data.id);
      waiting.delete(data.id);
      if (data.error) fail(new Error(data.error)); else done(data.png);
    });
    worker.addEventListener("error", () => {
      for (const { fail } of waiting.values()) fail(new Error("The label renderer did not start."));
      waiting.clear();
      worker = null;
    });
  }
  return new Promise((done, fail) => {
    const id = (count += 1);
    waiting.set(id, { done, fail });
    worker.postMessage({ id, zpl, width, height, dots });
  });
}

async function draw(figure) {
  const words = figure.querySelector("[data-label-words]");
  const { zplSrc, widthMm, heightMm, dotsPerMm, what } = figure.dataset;
  try {
    const answer = await fetch(zplSrc, { credentials: "same-origin" });
    if (!answer.ok) throw new Error("The label's bytes could not be read.");
    const zpl = new TextDecoder("utf-8", { fatal: true }).decode(await answer.arrayBuffer());
    const png = await ask(zpl, Number(widthMm), Number(heightMm), Number(dotsPerMm));
    const picture = new Image();
    picture.alt = `Preview of ${what}`;
    picture.src = `data:image/png;base64,${png}`;
    await picture.decode();
    figure.querySelector("img")?.remove();
    figure.prepend(picture);
    words.textContent = "";
    figure.dataset.drawn = "ok";
  } catch (error) {
    words.textContent = `The preview could not be drawn; printing is not touched by that. Look at the printed label. (${error.message})`;
    figure.dataset.drawn = "failed";
  }
}

onShown((part) => {
  for (const figure of all(part, "[data-zpl-src]:not([data-drawn])")) {
    figure.dataset.drawn = "asked";
    draw(figure);
  }
});
