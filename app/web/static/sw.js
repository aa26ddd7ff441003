// The service worker: one page of the shell for the moment when a page is asked for and nobody answers. It keeps no page
// with patient data, answers no question from memory while the server answers, and never touches what is sent.
const KEPT = "shell-__BUILD__";
const PAGE = "/static/offline.html";
const SHELL = [PAGE, "/static/app.css", "/static/js/offline.js", "/static/shapes.svg", "/static/favicon.svg",
  "/static/vendor/atkinson-next-latin.woff2"];

addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(SHELL.map((file) => new Request(file, { cache: "reload" })))));
  skipWaiting();
});

addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name !== KEPT).map((name) => caches.delete(name));
  event.waitUntil(caches.keys().then((names) => Promise.all(old(names))).then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => kept(PAGE)));
  else if (SHELL.includes(pathname)) event.respondWith(fetch(request).catch(() => kept(pathname)));
});

const kept = async (file) => (await (await caches.open(KEPT)).match(file)) ?? Response.error();
