// Digits for gloved hands: [data-keypad] names the field that they fill. With them the tablet's own keyboard stays away.
import { all, onShown } from "./page.js";

onShown((part) => {
  for (const pad of all(part, "[data-keypad]")) {
    const field = document.getElementById(pad.dataset.keypad);
    if (!field) continue;
    pad.hidden = false;
    field.inputMode = "none";
  }
});

document.addEventListener("click", (event) => {
  const digit = event.target.closest?.("[data-digit]")?.dataset.digit;
  const field = digit && document.getElementById(event.target.closest("[data-keypad]").dataset.keypad);
  if (!field) return;
  field.value = digit === "all" ? "" : digit === "last" ? field.value.slice(0, -1) : field.value + digit;
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
