// Tones say what words and the screen's edge say too; a loud room loses nothing. OK = one short high tone, wrong = two low
// buzzes, attention = a rising pair. An element with data-tone that arrives on the page plays once for its data-tone-key.
// A button [data-tones] switches the tones of this station off and on; [data-tone-test="ok"] plays one.
import { all, onShown } from "./page.js";

const TONES = { // [start s, length s, Hz, shape]
  ok: [[0, 0.08, 1200, "sine"]],
  wrong: [[0, 0.18, 300, "square"], [0.26, 0.18, 300, "square"]],
  attention: [[0, 0.12, 700, "sine"], [0.16, 0.16, 1050, "sine"]],
};
const STORED = "laminar.tones";
let audio = null;
let edge = null;
let fade = 0;

const isOn = () => { try { return localStorage.getItem(STORED) !== "off"; } catch { return true; } };

// A browser lets a page sound only after a tap or a key; the volume test at the start of a shift is that tap.
function unlock() {
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume().catch(() => {});
}
document.addEventListener("pointerup", unlock, true);
document.addEventListener("keydown", () => { setTimeout(unlock, 500); }, true); // waking the sound takes time that a scan under way has not

function sound(tone) {
  if (!isOn() || audio?.state !== "running") return;
  for (const [start, length, pitch, shape] of TONES[tone]) {
    const voice = new OscillatorNode(audio, { type: shape, frequency: pitch });
    const loudness = new GainNode(audio, { gain: 0 });
    const from = audio.currentTime + start;
    loudness.gain.setValueAtTime(0, from);
    loudness.gain.linearRampToValueAtTime(shape === "square" ? 0.25 : 0.5, from + 0.005);
    loudness.gain.setValueAtTime(shape === "square" ? 0.25 : 0.5, from + length - 0.01);
    loudness.gain.linearRampToValueAtTime(0, from + length);
    voice.connect(loudness).connect(audio.destination);
    voice.start(from);
    voice.stop(from + length);
  }
}

function flash(tone) {
  edge?.remove();
  edge = document.createElement("div");
  edge.className = "edge";
  edge.dataset.state = { ok: "ok", attention: "caution", wrong: "stop" }[tone];
  edge.setAttribute("aria-hidden", "true");
  document.body.append(edge);
  clearTimeout(fade);
  fade = setTimeout(() => edge.remove(), 1000);
}

function play(tone) {
  if (!TONES[tone]) return;
  flash(tone);
  sound(tone);
  document.documentElement.dataset.lastTone = tone;
  if (tone === "wrong" && navigator.userActivation?.hasBeenActive) navigator.vibrate?.([180, 80, 180]);
}

document.addEventListener("laminar:tone", (event) => play(event.detail));

/** True the first time a key is met in this tab: an answer that is shown again stays silent. */
function isNew(key) {
  if (!key) return true;
  try {
    const heard = JSON.parse(sessionStorage.getItem("laminar.heard") ?? "[]");
    if (heard.includes(key)) return false;
    sessionStorage.setItem("laminar.heard", JSON.stringify([...heard, key].slice(-50)));
  } catch { /* a browser without storage sounds once more, that is all */ }
  return true;
}

function showSwitch(button) {
  button.setAttribute("aria-pressed", String(isOn()));
  button.textContent = isOn() ? "Tones on" : "Tones off";
}

onShown((part) => {
  const fresh = all(part, "[data-tone]").filter((element) => isNew(element.dataset.toneKey));
  const loudest = ["wrong", "attention", "ok"].find((tone) => fresh.some((element) => element.dataset.tone === tone));
  if (loudest) play(loudest);
  for (const button of all(part, "[data-tones]")) showSwitch(button);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-tones], [data-tone-test]");
  if (!button) return;
  unlock();
  if (button.matches("[data-tone-test]")) { play(button.dataset.toneTest); return; }
  try { localStorage.setItem(STORED, isOn() ? "off" : "on"); } catch { return; }
  showSwitch(button);
});
