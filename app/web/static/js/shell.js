// The frame around every page: real millimetres, the clock, focus after a page change, and faults of the server in words.
import { all, onShown } from "./page.js";

const root = document.documentElement;
const pxPerMm = parseFloat(root.dataset.pxPerMm);
if (pxPerMm > 2 && pxPerMm < 30) root.style.setProperty("--px-per-mm", String(pxPerMm));

// The static shell says "No connection. Stop." where a browser would show a fault of its own; it keeps no page and sends nothing.
// It is fetched when the page has been there for a while: the first scans come at once and compete with nothing.
const shell = () => navigator.serviceWorker.register("/sw.js").catch(() => {});
if ("serviceWorker" in navigator) addEventListener("load", () => setTimeout(shell, 2000));

// A page that arrives by htmx gets the focus that a loaded page would have had: what is wrong first, else the heading.
document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.target !== document.body) return;
  const active = document.activeElement;
  if (active && active !== document.body && active.isConnected) return;
  const wanted = document.querySelector("[autofocus], [data-focus]") ?? document.querySelector("main h1") ??
    document.querySelector("main");
  if (wanted && !wanted.hasAttribute("tabindex") && !wanted.matches("a[href], button, input, select, textarea")) {
    wanted.tabIndex = -1;
  }
  wanted?.focus({ preventScroll: true });
});

// An open menu closes at a press beside it and at Escape, which gives the focus back to its button.
document.addEventListener("pointerdown", (event) => {
  for (const menu of document.querySelectorAll("[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" ? document.querySelector("[data-menu][open]") : null;
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

onShown((part) => {
  if (part !== document.body) return;
  all(part, ".error-summary[data-focus]")[0]?.focus({ preventScroll: true });
});

// A refused post shows its own page but is no place to come back to: the address stays where it was.
document.addEventListener("htmx:before:history:update", (event) => {
  const { response, sourceElement } = event.detail;
  const posted = sourceElement?.matches?.("form") && sourceElement.method.toLowerCase() === "post";
  if (posted && !response?.raw?.redirected) event.preventDefault();
});

function fault(words) {
  let banner = document.getElementById("fault");
  if (!banner) {
    banner = document.createElement("div");
    banner.id = "fault";
    banner.className = "banner";
    banner.dataset.state = "stop";
    banner.dataset.tone = "wrong";
    banner.setAttribute("role", "alert");
    document.querySelector("main")?.prepend(banner);
  }
  const again = document.createElement("a");
  again.href = location.href;
  again.className = "button";
  again.textContent = "Load the page again";
  again.setAttribute("hx-boost", "false");
  const text = document.createElement("p");
  text.textContent = words;
  banner.replaceChildren(text, again);
  document.dispatchEvent(new CustomEvent("laminar:tone", { detail: "wrong" }));
}

document.addEventListener("htmx:response:error", (event) => {
  if (event.detail.ctx.response.status >= 500) {
    fault("The system had a fault and did not answer. The step may not be stored. Load the page again and see what stands.");
  }
});
document.addEventListener("htmx:error", () => {
  fault("No answer from the system. The step may not be stored. Load the page again and see what stands.");
});

// The clock is the server's, told by the stream; a tablet's own clock may be wrong. Without a stream none is shown.
document.addEventListener("laminar:beat", (event) => {
  const now = event.detail?.now ? new Date(event.detail.now) : null;
  if (!now || Number.isNaN(now.getTime())) return;
  for (const clock of document.querySelectorAll("[data-clock]")) {
    const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    if (clock.dataset.zone) options.timeZone = clock.dataset.zone;
    const words = new Intl.DateTimeFormat("en-GB", options).format(now);
    if (clock.textContent !== words) clock.textContent = words;
    clock.dateTime = now.toISOString();
  }
});
