// Trial installations only (the page says SIMULATED). The bench stands for a person's hands: what is clicked there goes
// to the open page of the same host, which takes it as it takes any scan or picture.
//   bench → all    {ask: id}               which page is there?
//   page  → bench  {here: id, ear}         this one
//   bench → page   {ear, scan} or {ear, photo}
import { give } from "./scan.js";
import { onShown, say } from "./page.js";

const channel = new BroadcastChannel("laminar-bench");
const ear = Math.random().toString(36).slice(2);
const PATIENCE = 4000;
const LOOK = 700;
const bench = () => document.querySelector("[data-bench]");
let asked = null;
let shown = "";
let pressed = false; // nothing is replaced under a finger that is down
addEventListener("pointerdown", () => { pressed = true; }, true);
for (const up of ["pointerup", "pointercancel"]) addEventListener(up, () => { setTimeout(() => { pressed = false; }, 0); }, true);

async function photograph(address) {
  const form = document.querySelector("form[data-photo]");
  if (!form) { say("No picture is waited for here now."); return; }
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok || !form.isConnected) { say("There is no labelled bag to photograph."); return; }
  const files = new DataTransfer();
  files.items.add(new File([await answer.blob()], "photo.jpg", { type: "image/jpeg" }));
  form.elements.namedItem("photo").files = files.files;
  form.requestSubmit();
}

channel.addEventListener("message", ({ data }) => {
  if (bench()) {
    if (!data.here || data.here !== asked?.id) return;
    clearTimeout(asked.late);
    channel.postMessage({ ear: data.ear, ...asked.what });
    asked = null;
    return;
  }
  if (data.ask) channel.postMessage({ here: data.ask, ear });
  else if (data.ear === ear && data.scan) give(data.scan);
  else if (data.ear === ear && data.photo) photograph(data.photo);
});

function words(sentence) {
  const place = document.querySelector("[data-bench-words]");
  if (place && place.textContent !== sentence) place.textContent = sentence;
}

function send(what) {
  clearTimeout(asked?.late);
  const id = Math.random().toString(36).slice(2);
  const late = setTimeout(() => { asked = null; words("No page of this host is open. Open it in another tab or window, then click again."); }, PATIENCE);
  asked = { id, what, late };
  channel.postMessage({ ask: id });
  words("Scanned.");
}

/** Shows how the bench stands now; nothing is replaced when nothing changed, so a drawn label stays drawn. */
async function look() {
  const table = document.querySelector("[data-bench-table]");
  if (!table) return;
  const answer = await fetch("/bench?part=table", { credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok) return;
  const html = await answer.text();
  if (html === shown || pressed || !table.isConnected) return;
  const focused = document.activeElement?.id;
  const drawn = table.querySelector("[id^=label-]");
  shown = html;
  table.innerHTML = html;
  const now = drawn && table.querySelector(`#${drawn.id}`);
  if (now) now.replaceWith(drawn);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  // Only this part was shown anew, not the page: a tap that follows quickly is meant.
  table.dispatchEvent(new CustomEvent("htmx:after:settle", { bubbles: true, detail: {} }));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-bench-scan], [data-bench-photo]");
  if (!button || !bench()) return;
  if (button.dataset.benchScan) send({ scan: button.dataset.benchScan });
  else send({ photo: button.dataset.benchPhoto });
  setTimeout(look, 150);
});

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-bench-deed]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  await fetch("/bench", { method: "POST", body: new URLSearchParams(new FormData(event.target)), credentials: "same-origin", redirect: "manual" });
  shown = ""; // the answer is drawn anew, also when nothing changed: its button says "Working…" no more
  look();
}, true);

onShown((part) => { if (part === document.body && bench()) look(); });
setInterval(() => { if (bench()) look(); }, LOOK);
