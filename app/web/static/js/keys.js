// Lists by keyboard: in [data-keys], J goes to the next row and K to the one before, Enter opens it (the row's own link
// has the focus). A page that arrives with such a list has its first row ready, a page to be signed its first field, so
// that a routine dose is opened, read and released without a mouse. A phone or tablet keeps its keyboard away.
import { onShown } from "./page.js";

const links = () => [...document.querySelectorAll("[data-keys] tr")].map((row) => row.querySelector("a[href]")).filter(Boolean);
const isBusy = (element) => element && element !== document.body && !element.matches("h1, main, [data-keys] a");

document.addEventListener("keydown", (event) => {
  const by = { j: 1, k: -1 }[event.key.toLowerCase()];
  if (!by || event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.target.matches("input, select, textarea")) return;
  const rows = links();
  const at = rows.indexOf(document.activeElement);
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
});

// What was opened to type into is typed into at once.
document.addEventListener("click", (event) => {
  const details = event.target.closest?.("summary")?.parentElement;
  if (details && event.detail !== 0) setTimeout(() => { if (details.open) details.querySelector("input[name=scan]")?.focus({ preventScroll: true }); }, 0);
});

onShown((part) => {
  if (part !== document.body || isBusy(document.activeElement) || !matchMedia("(hover: hover)").matches) return;
  const first = document.querySelector("#signature input:not([type=hidden])") ?? links()[0];
  first?.focus({ preventScroll: true });
});
