// The page that stands where the server should have answered: it asks until somebody is there, then shows the page itself.
const DOWNTIME = 5 * 60 * 1000;
const EVERY = 2000;
const since = Number(sessionStorage.getItem("lost-since")) || Date.now();
sessionStorage.setItem("lost-since", String(since));

function say() {
  const words = "No connection. Stop. Do not go on." + (Date.now() - since > DOWNTIME ? " Finish on the downtime sheet." : "");
  const line = document.getElementById("words");
  if (line.textContent !== words) line.textContent = words;
}

async function look() {
  say();
  try {
    const answer = await fetch("/healthz", { cache: "no-store" });
    if (answer.ok) {
      sessionStorage.removeItem("lost-since");
      location.reload();
      return;
    }
  } catch { /* nobody is there yet */ }
  setTimeout(look, EVERY);
}

look();
