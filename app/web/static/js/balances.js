// The device page: every balance's number as it comes. Event `balances` of the page's stream, at most one per 50 ms:
//   {"hood-1": {value, unit, age_ms, state, words, …}, …}, each as in weigh.js
// Everything else is news; a balance that goes away or comes back has its card fetched anew.
import { isLost, setChip } from "./page.js";

const OLD = 1000;
const AGAIN = 2000;
let askedAt = -Infinity;
const readAt = new Map(); // station → when its shown reading was taken, on this page's own clock

const put = (element, words) => { if (element && element.textContent !== words) element.textContent = words; };

function cards() {
  const now = performance.now();
  const part = document.getElementById("cards");
  if (!part || now - askedAt < AGAIN || isLost()) return;
  askedAt = now;
  htmx.ajax("GET", part.dataset.refreshFrom, { source: part, target: part, swap: "outerHTML", push: "false" });
}

function show(card, event) {
  const ready = event.value !== null && event.value !== undefined;
  const chip = card.querySelector("[data-balance-chip]");
  if (ready) readAt.set(card.dataset.balance, performance.now() - (event.age_ms ?? 0));
  put(card.querySelector("[data-balance-number]"), ready ? event.value : "–");
  setChip(chip, ready ? "ok" : "stop", ready ? (event.stable ? "Ready, stable" : "Ready, moving") : event.words ?? "No weight");
  if (ready !== (card.dataset.ready === "yes")) cards();
}

function ages() {
  const now = performance.now();
  for (const card of document.querySelectorAll("[data-balance]")) {
    const at = readAt.get(card.dataset.balance);
    if (at === undefined) continue;
    const old = now - at > OLD;
    if (old) put(card.querySelector("[data-balance-number]"), "–");
    put(card.querySelector("[data-balance-age]"), old ? `last reading ${Math.round((now - at) / 1000)} s ago` : "now");
  }
}

document.addEventListener("laminar:balances", ({ detail }) => {
  for (const card of document.querySelectorAll("[data-balance]")) {
    if (detail[card.dataset.balance]) show(card, detail[card.dataset.balance]);
  }
});
setInterval(ages, 500);
