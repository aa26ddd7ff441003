// The one entry: each module minds one thing and listens on the document, so a swapped page needs no new set-up.
// The order matters for submits: scans and photos may hold a form back before taps.js marks it as on its way.
import "./shell.js";
import "./sound.js";
import "./scan.js";
import "./photo.js";
import "./taps.js";
import "./keys.js";
import "./keypad.js";
import "./live.js";
import "./weigh.js";
import "./label.js";
import "./balances.js";
