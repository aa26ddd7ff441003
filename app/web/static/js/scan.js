// A scanner that types (keyboard wedge) is heard anywhere on the page, without focus.
// A scan is: a station's prefix or an AIM prefix (]d2 …), or at least 6 characters, with a median gap under 35 ms, ended
// by Enter, Tab or the station's suffix; on a station with data-scan-suffix="none", by silence. A scan that breaks off is
// never taken for a whole one. GS arrives as Ctrl+] (or F8). The finished scan goes as `laminar:scan` to the document
// (preventDefault keeps it from the form), then into form[data-scan]:
//   data-scan          fills the field `scan` and sends the form
//   data-scan="fill"   fills [data-scan-field] and moves on to the next empty field (a badge beside a PIN)
import { isLost, onShown, say } from "./page.js";

const GAP = 35;
const IDLE = 300;        // silence after which what was typed is over; the median tells a scanner, so this may be long
const RECENT = 100;
const REPEAT = 1500;
const LEAST = 6;
const GS = "\u001d";
const AIM = /^\][A-Za-z][0-9A-Za-z]/;

let text = "";
let gaps = [];
let lastKey = 0;
let flush = 0;
let field = null;       // the text field that had the focus, and its value before the first key
let before = "";
let lastScan = { text: "", at: -Infinity };
let swallowUntil = 0;
let waiting = null;     // a scan that came while the last one was still being answered

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Infinity;
const fast = () => median(gaps) < GAP;
const prefix = () => document.body.dataset.scanPrefix ?? "";
const bySilence = () => document.body.dataset.scanSuffix === "none";
const suffix = () => (bySilence() ? "" : document.body.dataset.scanSuffix ?? "");
const isPrefixed = () => (prefix() !== "" && text.startsWith(prefix())) || AIM.test(text);
const isScan = () => text.length > 0 && ((isPrefixed() && fast()) || (text.length >= LEAST && fast()));
// Three fast keys are enough to suspect a scanner: its Tab and function keys must not move the focus meanwhile.
const isUnderWay = (now) => text.length >= 3 && now - lastKey < RECENT && fast();

function forget() {
  text = "";
  gaps = [];
  field = null;
  clearTimeout(flush);
}

/** Takes the characters back out of the field that happened to have the focus. */
function clean() {
  if (field?.isConnected && field.value !== before) {
    field.value = before;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function finish() {
  let scanned = text;
  if (prefix() !== "" && scanned.startsWith(prefix())) scanned = scanned.slice(prefix().length);
  if (suffix() !== "" && scanned.endsWith(suffix())) scanned = scanned.slice(0, -suffix().length);
  clean();
  forget();
  const now = performance.now();
  if (scanned === lastScan.text && now - lastScan.at < REPEAT) { lastScan.at = now; return; }
  lastScan = { text: scanned, at: now };
  give(scanned);
}

/** Half a scan is no scan: what was typed is taken back, and the rest of it, with its Enter, is swallowed. */
function brokenOff() {
  clean();
  forget();
  swallowUntil = performance.now() + 500;
  say("The scan broke off. Scan again.");
  document.dispatchEvent(new CustomEvent("laminar:tone", { detail: "attention" }));
}

/** Hands a finished scan to the page. */
export function give(scanned) {
  if (isLost()) return;
  const event = new CustomEvent("laminar:scan", { detail: { text: scanned }, cancelable: true });
  if (!document.dispatchEvent(event)) return;
  const form = document.querySelector("form[data-scan]");
  if (!form) {
    say("Nothing to scan here now.");
    document.dispatchEvent(new CustomEvent("laminar:tone", { detail: "attention" }));
    return;
  }
  if (form.dataset.scan === "fill") { fill(form, scanned); return; }
  if (form.hasAttribute("data-busy")) { waiting = scanned; return; }
  const input = form.elements.namedItem("scan");
  input.value = scanned;
  form.requestSubmit();
}

function fill(form, scanned) {
  const input = form.querySelector("[data-scan-field]");
  if (!input) return;
  input.value = scanned;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  const fields = [...form.querySelectorAll("input:not([type=hidden]), select, textarea")];
  fields.slice(fields.indexOf(input) + 1).find((next) => !next.value && !next.disabled)?.focus();
}

document.addEventListener("keydown", (event) => {
  const now = event.timeStamp; // when the key was pressed, however late this page gets to hear of it
  if (now < swallowUntil && (event.key.length === 1 || event.key === "Enter" || event.key === "Tab")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (event.isComposing || event.altKey || event.metaKey) { forget(); return; }
  if (event.repeat && event.key.length === 1) { forget(); return; } // a key held down is a finger, not a scanner
  const gs = (event.ctrlKey && (event.key === "]" || event.code === "BracketRight")) || (event.key === "F8" && isUnderWay(now));
  if (event.ctrlKey && !gs) return;
  if (["Shift", "Control", "CapsLock", "NumLock"].includes(event.key)) return;

  if (event.key === "Enter" || event.key === "Tab") {
    if (now - lastKey < IDLE && isScan()) {
      event.preventDefault();
      event.stopImmediatePropagation();
      finish();
    } else if (event.key === "Tab" && isUnderWay(now)) {
      event.preventDefault();
    } else {
      forget();
    }
    return;
  }
  if (gs || event.key.length === 1) {
    if (now - lastKey >= IDLE) forget();
    if (text === "") {
      const active = document.activeElement;
      field = active?.matches?.("input, textarea") && !active.matches("[type=radio], [type=checkbox]") ? active : null;
      before = field?.value ?? "";
    } else {
      gaps.push(now - lastKey);
    }
    text += gs ? GS : event.key;
    lastKey = now;
    if (gs) event.preventDefault();
    clearTimeout(flush);
    flush = setTimeout(() => { if (!isScan()) forget(); else if (bySilence()) finish(); else brokenOff(); }, IDLE);
    if (suffix() !== "" && text.endsWith(suffix()) && isScan()) { event.preventDefault(); finish(); }
    return;
  }
  if (/^F\d+$/.test(event.key) && isUnderWay(now)) event.preventDefault();
}, true);

onShown(() => {
  if (waiting === null) return;
  const next = waiting;
  waiting = null;
  setTimeout(() => give(next), 0);
});
