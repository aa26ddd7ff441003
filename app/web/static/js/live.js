// The one event stream of the page, at /live?topics=… (topics from <body data-topics>; without it no stream).
//   event: beat    every second; data {} or {"now": "2026-11-22T14:05:21Z"}
//   event: news    data {"topic": "work:12", "mark": "5f0c.7"}: parts that show it are fetched anew
//   event: weight  data as in weigh.js
//   event: balances  data as in balances.js
//   event: signed-out  whoever opened the page is not signed in any more; the page is asked for again, which shows the door
// A page and each part of it know the mark they were drawn at (<body data-drawn>, the answer's Laminar-Drawn): news that
// they show already moves nothing, and a stream that opens is told by the server what the page missed.
// No beat for 3 s: Stop, and nothing can be sent. There is no queue of unsent acts.
import { isLost, onShown } from "./page.js";

const SILENCE = 3000;
const DOWNTIME = 5 * 60 * 1000;
let source = null;
let topics = null;
let lastBeat = 0;
let lostAt = 0;
let retry = 0;

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`laminar:${name}`, { detail }));
const parsed = (event) => { try { return JSON.parse(event.data); } catch { return {}; } };

function open() {
  clearTimeout(retry);
  source?.close();
  source = new EventSource(`/live?topics=${encodeURIComponent(topics)}&drawn=${encodeURIComponent(pageDrawn())}`);
  source.addEventListener("beat", (event) => { beat(); tell("beat", parsed(event)); });
  source.addEventListener("news", (event) => {
    const { topic, mark = "" } = parsed(event);
    told(topic, mark);
  });
  for (const name of ["weight", "balances"]) {
    source.addEventListener(name, (event) => { if (!isLost()) tell(name, parsed(event)); });
  }
  source.addEventListener("signed-out", () => { source.close(); toTheDoor(); });
  source.addEventListener("error", again);
}

// Whoever is not signed in any more hears of it by the stream, by a part, or by both: the page is asked for again once.
let isLeaving = false;

function toTheDoor() {
  if (isLeaving) return;
  isLeaving = true;
  location.reload();
}

function again() {
  source?.close();
  clearTimeout(retry);
  retry = setTimeout(open, 200 + Math.random() * 800);
}

function beat() {
  lastBeat = performance.now();
  if (isLost()) back();
}

// ---- the lost connection

function showLost() {
  let banner = document.getElementById("lost");
  if (!banner) {
    banner = document.createElement("div");
    banner.id = "lost";
    banner.className = "lost";
    banner.setAttribute("role", "alert");
    banner.append(document.createElement("p"));
    document.body.append(banner);
  }
  const isLong = performance.now() - lostAt > DOWNTIME;
  const words = "No connection. Stop. Do not go on." + (isLong ? " Finish on the downtime sheet." : "");
  if (banner.textContent !== words) banner.firstChild.textContent = words;
  for (const element of document.querySelectorAll("button:not(:disabled), input:not(:disabled), select:not(:disabled)")) {
    element.disabled = true;
    element.dataset.offForLink = "";
  }
  for (const element of document.querySelectorAll("main, .actions, .bar, nav")) element.inert = true;
}

function lost() {
  lostAt = performance.now();
  document.documentElement.dataset.link = "lost";
  showLost();
  tell("lost");
  tell("tone", "wrong");
}

async function back() {
  // What was on the screen may be old: the page is asked for again before anyone may act on it.
  try { await htmx.ajax("GET", location.pathname + location.search, { target: "body", swap: "outerHTML" }); } catch { return; }
  if (document.getElementById("lost")) return; // the page did not come; the next beat tries again
  delete document.documentElement.dataset.link;
  for (const element of document.querySelectorAll("[data-off-for-link]")) {
    element.disabled = false;
    delete element.dataset.offForLink;
  }
  tell("back");
}

setInterval(() => {
  if (topics === null) return;
  const silent = performance.now() - lastBeat;
  if (silent <= SILENCE) return;
  if (!isLost()) lost();
  else showLost();
  if (silent % SILENCE < 250) again(); // a link that died without a word: ask anew
}, 250);

// ---- what is shown, and news that is newer

const drawnAt = new Map(); // id of a part that was fetched anew → its mark; the page's own stands on the body
const pageDrawn = () => document.body.dataset.drawn ?? "";

/** Tells whether news is newer than what was drawn at a mark; without a mark, or from another run, nobody knows. */
function isNewer(mark, drawn) {
  const [run, number] = mark.split(".");
  const [before, count] = drawn.split(".");
  return mark === "" || run !== before || Number(number) > Number(count);
}

const shows = (part, mark) => !isNewer(mark, drawnAt.get(part.id) ?? pageDrawn());

// While a form is on its way its answer will show its own news; what the answer does not show comes right after it. News
// of the order itself (it was stopped) never waits.
const PATIENCE = 3000;
const parked = new Map();
let patience = 0;

function told(topic, mark) {
  if (topic.startsWith("order:") || !document.querySelector("form[data-busy]")) { show(topic, mark); return; }
  parked.set(topic, mark);
  patience ||= setTimeout(release, PATIENCE);
}

function release() {
  clearTimeout(patience);
  patience = 0;
  const waiting = [...parked];
  parked.clear();
  for (const [topic, mark] of waiting) show(topic, mark);
}

function show(topic, mark) {
  for (const part of document.querySelectorAll("[data-refresh]")) {
    if (part.dataset.refresh.split(/\s+/).includes(topic) && !shows(part, mark)) news(part, topic, mark);
  }
}

document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  const part = ctx.target?.id && document.getElementById(ctx.target.id);
  const mark = ctx.response?.headers.get("Laminar-Drawn");
  if (!part) drawnAt.clear();
  else if (mark) drawnAt.set(part.id, mark);
  if (!document.querySelector("form[data-busy]")) release();
});

// ---- parts that have news

// A part whose reader is not signed in any more is answered with the door: that is a page, and never goes into a part.
document.addEventListener("htmx:before:swap", (event) => {
  const { target, response } = event.detail.ctx;
  if (target === document.body || !response?.raw?.redirected || new URL(response.raw.url).pathname !== "/sign-in") return;
  event.preventDefault();
  toTheDoor();
});

const busy = new Map();

async function fetchAnew(part, mark = "") {
  if (busy.has(part)) { busy.set(part, mark); return; } // news during a fetch: once more afterwards, if it came too late
  busy.set(part, null);
  try {
    await htmx.ajax("GET", part.dataset.refreshFrom, { source: part, target: part, swap: "outerHTML", push: "false" });
  } finally {
    const again = busy.get(part);
    busy.delete(part);
    if (again !== null) {
      const now = part.isConnected ? part : part.id && document.getElementById(part.id);
      if (now && !shows(now, again)) fetchAnew(now, again);
    }
  }
}

// What somebody is typing (a PIN, a reason) is never swept away, except by news of the order itself.
const isTyping = (part) => [...part.querySelectorAll("input, textarea")].some((field) =>
  !["hidden", "radio", "checkbox", "file"].includes(field.type) && (field === document.activeElement || field.value !== field.defaultValue));

function news(part, topic, mark) {
  const isHeld = "hold" in part.dataset || (isTyping(part) && !topic.startsWith("order:"));
  if (!isHeld) { fetchAnew(part, mark); return; }
  // Nothing moves under a finger: the list says that there is something new and waits to be asked.
  let bar = part.previousElementSibling?.matches?.(".news-bar") ? part.previousElementSibling : null;
  if (bar && !isNewer(mark, bar.dataset.mark)) return;
  const count = Number(bar?.dataset.count ?? 0) + 1;
  if (!bar) {
    bar = document.createElement("button");
    bar.type = "button";
    bar.className = "button news-bar";
    bar.setAttribute("aria-live", "polite");
    bar.addEventListener("click", () => { bar.remove(); fetchAnew(part.isConnected ? part : document.getElementById(part.id)); });
    part.before(bar);
  }
  bar.dataset.count = count;
  bar.dataset.mark = mark;
  bar.textContent = `${count} new: show`;
}

onShown(() => {
  const wanted = document.body.dataset.topics ?? null;
  if (isLost() && wanted !== null && document.getElementById("lost")) showLost();
  if (wanted === topics) return;
  topics = wanted;
  if (topics === null) { source?.close(); source = null; clearTimeout(retry); return; }
  lastBeat = performance.now();
  open();
});
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => { if (event.persisted && topics !== null) open(); });
