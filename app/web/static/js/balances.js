// The device page: every balance's number as it comes. Event `balances` of a stream of its own, at most one per 50 ms:
//   {"hood-1": {value, unit, age_ms, state, words, …}, …}, each as in weigh.js
// The page's other stream tells of everything else; a balance that goes away or comes back has its card fetched anew.
import { isLost, onShown, setChip } from "./page.js";

const OLD = 1000;
const AGAIN = 2000;
let source = null;
let hears = "";
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

function close() {
  source?.close();
  source = null;
}

function open() {
  close();
  source = new EventSource("/live?topics=devices");
  source.addEventListener("balances", (event) => {
    let told = {};
    try { told = JSON.parse(event.data); } catch { return; }
    for (const card of document.querySelectorAll("[data-balance]")) {
      if (told[card.dataset.balance]) show(card, told[card.dataset.balance]);
    }
  });
}

onShown(() => {
  // A stream hears the balances that were there when it was opened, so a list that has changed opens it anew.
  const wanted = document.querySelector("[data-balances]")?.dataset.balances ?? "";
  if (wanted === hears && (source || wanted === "")) return;
  hears = wanted;
  if (wanted === "") close(); else open();
});
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => { if (event.persisted && hears !== "") open(); });
setInterval(ages, 500);
