// The camera. form[data-photo] holds a <video data-preview>, a file field `photo` and words; the page has one [data-shutter].
// The shutter or the card YES takes the picture, puts it into the file field as JPEG and sends the form like any other,
// so that `once`, refusals and redirects go the one way. Without a camera the file field itself is used.
import { onShown, say } from "./page.js";

const WORDS = {
  NotFoundError: "No camera was found. Plug it in, or choose a picture file.",
  NotAllowedError: "The camera is not allowed for this page. Allow it in the browser's settings, or choose a picture file.",
  NotReadableError: "The camera is used by another program. Close that, then try again.",
  OverconstrainedError: "This camera cannot give a usable picture. Use another one, or choose a picture file.",
};
const WANTED = { video: { facingMode: { ideal: "environment" }, width: { ideal: 1920 }, height: { ideal: 1080 } }, audio: false };
const YES = "CARD-YES";
let stream = null;

const photoForm = () => document.querySelector("form[data-photo]");

function words(form, sentence) {
  form.querySelector("[data-photo-words]").textContent = sentence;
}

function stop() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
}

function withoutCamera(form, error) {
  const sentence = WORDS[error?.name] ?? "The camera did not start. Choose a picture file.";
  words(form, sentence);
  form.querySelector("[data-photo-file]").open = true;
}

async function start(form) {
  if (!navigator.mediaDevices?.getUserMedia) {
    withoutCamera(form, null);
    words(form, "The camera needs a secure address (https). Choose a picture file.");
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia(WANTED);
  } catch (error) {
    withoutCamera(form, error);
    return;
  }
  if (!form.isConnected) { stop(); return; }
  const video = form.querySelector("[data-preview]");
  video.srcObject = stream;
  await video.play().catch(() => {});
  // The shutter opens with the first picture that is really there, not with the promise of one.
  if (video.requestVideoFrameCallback) await new Promise((done) => { video.requestVideoFrameCallback(done); });
  if (!form.isConnected) return;
  const shutter = document.querySelector("[data-shutter]");
  if (shutter) shutter.disabled = false;
  form.dataset.ready = "";
}

/** True when a picture holds nothing: a covered lens, or a camera that has not opened its eye yet. */
function isBlack(canvas) {
  const small = new OffscreenCanvas(32, 18);
  const pen = small.getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0, 32, 18);
  const { data } = pen.getImageData(0, 0, 32, 18);
  let brightest = 0;
  for (let i = 0; i < data.length; i += 4) brightest = Math.max(brightest, data[i], data[i + 1], data[i + 2]);
  return brightest < 28;
}

async function shoot() {
  const form = photoForm();
  if (!form || !("ready" in form.dataset) || form.hasAttribute("data-busy")) return;
  const video = form.querySelector("[data-preview]");
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  if (!canvas.width) { words(form, "The camera shows nothing yet. Wait a moment, then try again."); return; }
  canvas.getContext("2d").drawImage(video, 0, 0);
  if (isBlack(canvas)) {
    words(form, "The picture is black. Uncover the lens or put on the light, then try again.");
    document.dispatchEvent(new CustomEvent("laminar:tone", { detail: "wrong" }));
    return;
  }
  const jpeg = await new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.8); });
  if (!form.isConnected) { say("The page changed. Take the picture again."); return; }
  if (!jpeg) { words(form, "The picture could not be taken. Try again."); return; }
  const files = new DataTransfer();
  files.items.add(new File([jpeg], "photo.jpg", { type: "image/jpeg" }));
  form.elements.namedItem("photo").files = files.files;
  form.requestSubmit();
}

document.addEventListener("click", (event) => { if (event.target.closest?.("[data-shutter]")) shoot(); });
document.addEventListener("laminar:scan", (event) => {
  const form = photoForm();
  if (!form || event.detail.text !== YES) return;
  event.preventDefault();
  if ("ready" in form.dataset) shoot();
  else say("The camera is not ready.");
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-photo]") || form.elements.namedItem("photo").files.length) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  words(form, "Choose a picture first.");
}, true);

onShown(() => {
  const form = photoForm();
  if (!form) { stop(); return; }
  if ("started" in form.dataset) return;
  stop();
  form.dataset.started = "";
  start(form);
});
addEventListener("pagehide", stop);
