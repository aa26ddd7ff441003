// The live weight. Event `weight` of the stream, data:
//   value     "281.46", the balance's own digits, or null; unit "g"
//   age_ms    age of the reading when it was sent; seq its number
//   state     moving | stable | under | within | over | cannot_tell | no_scale | lift_off
//   words     what the chip says ("Too little: 0.8 mL more"); left out, the state's own words
//   stable, settled   the balance's word, and ours
//   gauge     null, or {at, low, target, high (0..1), low_words, high_words}
//   accept    true when this settled weight is inside the band: form[data-weigh] sends itself, once
//   step      the step's version that the event is about; a form of another step never takes it
import { isLost, onShown, setChip } from "./page.js";

const OLD = 1000;
const SPAN = 20000;
const STATES = {
  moving: ["waiting", "Moving"], stable: ["now", "Stable"], under: ["caution", "Too little"], within: ["ok", "Stable, in range"],
  over: ["stop", "Too much"], cannot_tell: ["caution", "Cannot tell"], no_scale: ["stop", "No scale"], lift_off: ["now", "Lift it off"],
};

let last = null;
let readAt = -Infinity; // when the shown reading was taken, on this page's own clock
let heardAt = -Infinity;
let points = [];
const sentFor = new Set();

const one = (selector) => document.querySelector(selector);

function put(element, name, value) {
  if (element && element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

function showNumber(words, isOld) {
  const number = one("[data-reading]");
  if (!number) return;
  if (number.textContent !== words) number.textContent = words;
  one("[data-reading-box]")?.toggleAttribute("data-stale", isOld);
}

function showState(state, words) {
  const chip = one("[data-weight-chip]");
  const [look, own] = STATES[state] ?? ["waiting", String(state ?? "")];
  if (chip) setChip(chip, look, words || own);
}

function showGauge(gauge) {
  const svg = one("[data-gauge]");
  if (!svg) return;
  svg.toggleAttribute("hidden", !gauge);
  if (!gauge) return;
  const at = (share) => (Math.min(1, Math.max(0, share)) * 600).toFixed(1); // the drawing is 600 wide
  const band = svg.querySelector("[data-band]");
  put(band, "x", at(gauge.low));
  put(band, "width", (at(gauge.high) - at(gauge.low)).toFixed(1));
  for (const end of ["x1", "x2"]) put(svg.querySelector("[data-target]"), end, at(gauge.target));
  put(svg.querySelector("[data-pointer]"), "transform", `translate(${at(gauge.at ?? 0)} 0)`);
  put(svg.querySelector("[data-pointer]"), "visibility", gauge.at === null || gauge.at === undefined ? "hidden" : "visible");
  for (const [name, share] of [["low", gauge.low], ["high", gauge.high]]) {
    const text = svg.querySelector(`[data-${name}-words]`);
    put(text, "x", at(share));
    const words = gauge[`${name}_words`];
    if (text && words !== undefined && text.textContent !== words) text.textContent = words;
  }
}

function drawTrace(now) {
  const line = one("[data-trace] polyline");
  points = points.filter((point) => now - point.at < SPAN);
  if (!line) return;
  let low = Math.min(...points.map((point) => point.value));
  let high = Math.max(...points.map((point) => point.value));
  if (high - low < 0.5) { const middle = (high + low) / 2; low = middle - 0.25; high = middle + 0.25; } // noise stays small
  const xy = points.map((point) => {
    const x = 200 - ((now - point.at) / SPAN) * 200;
    const y = 66 - ((point.value - low) / (high - low)) * 60;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  line.setAttribute("points", xy.join(" "));
}

function enable(event) {
  const button = one("form[data-weigh] button");
  const form = one("form[data-weigh]");
  if (!form || !button || form.hasAttribute("data-busy") || isLost()) return;
  button.disabled = !(event.accept && isFor(form, event));
}

const isFor = (form, event) => event.step === undefined || event.step === null || String(event.step) === form.dataset.step;

function acceptOnce(event) {
  const form = one("form[data-weigh]");
  if (!form || !event.accept || isLost() || !isFor(form, event)) return;
  form.elements.namedItem("seq").value = event.seq;
  if (!("byItself" in form.dataset)) return;
  // `once` is new with every page of the step, so a weight that was refused can be tried again, but never sent twice.
  const key = `${form.action} ${form.dataset.step} ${form.elements.namedItem("once")?.value}`;
  if (sentFor.has(key) || form.hasAttribute("data-busy")) return;
  sentFor.add(key);
  form.requestSubmit();
}

document.addEventListener("laminar:weight", ({ detail }) => {
  const now = performance.now();
  // Never backwards; but a scale that was plugged in again counts from the start, so an old number binds for 2 s only.
  if (last && detail.seq < last.seq && now - heardAt < 2000) return;
  last = detail;
  heardAt = now;
  readAt = now - (detail.age_ms ?? 0);
  const isOld = now - readAt > OLD || detail.value === null || detail.value === undefined;
  showNumber(isOld ? "–" : detail.value, isOld || !detail.stable);
  const unit = one("[data-unit]");
  if (unit && detail.unit && unit.textContent !== detail.unit) unit.textContent = detail.unit;
  showState(isOld && detail.state !== "lift_off" ? "no_scale" : detail.state, isOld ? "" : detail.words);
  showGauge(detail.gauge ?? null);
  if (!isOld) {
    points.push({ at: readAt, value: Number(detail.value) }); // for the drawing only; the record keeps the digits
    drawTrace(now);
  }
  enable(isOld ? { accept: false } : detail);
  if (!isOld) acceptOnce(detail);
});

function blank() {
  showNumber("–", true);
  showState("no_scale", "");
  put(one("[data-pointer]"), "visibility", "hidden");
  enable({ accept: false });
}

setInterval(() => { if (last && one("[data-weighing]") && performance.now() - readAt > OLD) blank(); }, 100);
document.addEventListener("laminar:lost", blank);
onShown((part) => { if (part === document.body) points = []; });
