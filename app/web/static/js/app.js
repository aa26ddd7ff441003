// The one entry: each module minds one thing and listens on the document, so a swapped page needs no new set-up.
import "./shell.js";
import "./sound.js";
import "./taps.js";
import "./live.js";
import "./scan.js";
import "./weigh.js";
import "./photo.js";
import "./label.js";
