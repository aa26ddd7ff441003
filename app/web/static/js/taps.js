// Wet double gloves tap twice. A second tap on the same button within 400 ms is ignored, and so is one that falls on the
// next page, whose main action stands in the same place. A form that is on its way is not sent again, and its button
// says "Working…" until the answer is there.
import { isLost, onShown } from "./page.js";

const TWICE = 400;
const DIGIT = 120; // the same digit twice is meant; only the bounce of a wet glove is not
const PATIENCE = 16000;
const taps = new WeakMap();
let lastTap = -Infinity;
let shown = -Infinity; // when the page last changed under the finger

onShown((part) => { if (part === document.body) shown = performance.now(); });

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button, a.button, input[type=submit]");
  if (!button) return;
  const now = performance.now();
  const before = taps.get(button) ?? -Infinity;
  const isDisabled = button.getAttribute("aria-disabled") === "true";
  const isTwice = now - before < (button.dataset.digit ? DIGIT : TWICE) || (now - lastTap < TWICE && shown > lastTap);
  // detail 0 is the keyboard or a script: both mean it.
  if (isDisabled || (event.detail !== 0 && isTwice)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  taps.set(button, now);
  lastTap = now;
}, true);

// Whoever typed or scanned since the last tap means the next one: it is no second touch of a wet glove.
for (const name of ["input", "keydown"]) document.addEventListener(name, () => { lastTap = -Infinity; }, true);

function working(form, button) {
  form.setAttribute("data-busy", "");
  // The button is not disabled: it must still be part of what is sent.
  const words = button?.querySelector("[data-words]") ?? null;
  if (button) button.setAttribute("aria-busy", "true");
  if (words) {
    words.dataset.said = words.textContent;
    words.textContent = "Working…";
  }
  form.patience = setTimeout(() => restore(form), PATIENCE);
}

function restore(form) {
  if (!form?.hasAttribute?.("data-busy")) return;
  clearTimeout(form.patience);
  form.removeAttribute("data-busy");
  for (const button of document.querySelectorAll("[aria-busy=true]")) {
    if (button.form !== form) continue;
    button.removeAttribute("aria-busy");
    const words = button.querySelector("[data-said]");
    if (words) { words.textContent = words.dataset.said; delete words.dataset.said; }
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.hasAttribute("data-busy") || isLost()) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (form.method.toLowerCase() !== "post") return;
  const button = event.submitter ?? form.querySelector("button:not([type=button])");
  working(form, button);
}, true);

document.addEventListener("htmx:finally:request", (event) => {
  restore(event.detail.ctx.request?.form ?? event.detail.ctx.sourceElement);
});
addEventListener("pageshow", () => { for (const form of document.querySelectorAll("form[data-busy]")) restore(form); });
