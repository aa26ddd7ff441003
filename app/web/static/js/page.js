// What several modules need: when a page (or a part) has just been shown, and what to say to the person.

const listeners = [];

/** Calls `seen(root)` for the whole page now and for every part that htmx puts in later. */
export function onShown(seen) {
  listeners.push(seen);
  if (document.readyState !== "loading") seen(document.body);
  else document.addEventListener("DOMContentLoaded", () => seen(document.body), { once: true });
}

document.addEventListener("htmx:after:settle", (event) => {
  const root = event.target instanceof Element && event.target.isConnected ? event.target : document.body;
  for (const seen of listeners) seen(root);
});

/** All elements of `selector` in `root`, the root itself included. */
export function all(root, selector) {
  const inside = [...root.querySelectorAll(selector)];
  return root.matches?.(selector) ? [root, ...inside] : inside;
}

let toast = null;
let gone = 0;

/** Says one sentence at the foot of the screen; it goes away by itself and never needs a tap. */
export function say(words) {
  if (!toast?.isConnected) {
    toast = document.createElement("p");
    toast.className = "toast";
    toast.setAttribute("role", "status");
    document.body.append(toast);
  }
  toast.textContent = words;
  toast.hidden = false;
  clearTimeout(gone);
  gone = setTimeout(() => { toast.hidden = true; }, 4000);
}

/** Sets a chip's state, shape and words; touches nothing when all stand already. */
export function setChip(chip, state, words) {
  if (chip.dataset.state !== state) {
    chip.dataset.state = state;
    chip.querySelector("use")?.setAttribute("href", `/static/shapes.svg#${state}`);
  }
  const text = chip.querySelector("span") ?? chip;
  if (text.textContent !== words) text.textContent = words;
}

/** True while there is no connection: nothing may be sent then. */
export const isLost = () => document.documentElement.dataset.link === "lost";
