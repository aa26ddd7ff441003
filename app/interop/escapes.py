"""The delimiters of a message and the escapes that let text hold them.

Source: HL7 v2.5.1 sections 2.5.4 (delimiters) and 2.7 (escape sequences); v2.7 for truncation.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The six characters of one message; an empty string is a delimiter that this message does not have."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = "#"


DEFAULT = Delimiters()


def escape(text: str, marks: Delimiters = DEFAULT, formatted: bool = False) -> str:
    """Make text safe inside a field: delimiters become escapes, and no byte can end a segment or a frame.

    New lines become `\\.br\\` in a formatted field and one blank elsewhere; other control characters go.
    """
    lines = re.split(r"\r\n|\r|\n", text)
    out = []
    named = {
        marks.escape: "E", marks.field: "F", marks.component: "S", marks.subcomponent: "T", marks.repetition: "R"
    }  # fmt: skip
    for line in lines:
        clean = "".join(c for c in line if c >= " " and c != "\x7f")
        # One pass over the characters: what an escape brings in is never escaped again.
        out.append("".join(f"{marks.escape}{named[c]}{marks.escape}" if c in named else c for c in clean))
    return (f"{marks.escape}.br{marks.escape}" if formatted else " ").join(out)


def unescape(text: str, marks: Delimiters = DEFAULT, formatted: bool = False, codec: str = "ascii") -> str:
    """Resolve escapes in one pass from left to right; unknown or unbalanced ones stay as they are.

    `\\Xhh..\\` is bytes of the message's character set; `\\.br\\` and its kin are new lines in formatted text only.
    """
    mark = marks.escape
    if not mark or mark not in text:
        return text
    out: list[str] = []
    at = 0
    while at < len(text):
        begin = text.find(mark, at)
        end = text.find(mark, begin + 1) if begin >= 0 else -1
        if end < 0:
            out.append(text[at:])
            break
        out.append(text[at:begin])
        meaning = _meaning(text[begin + 1 : end], marks, formatted, codec)
        if meaning is None:
            # Not an escape: its first mark is text, and its second may open a real one.
            out.append(text[begin:end])
            at = end
        else:
            out.append(meaning)
            at = end + 1
    return "".join(out)


def _meaning(code: str, marks: Delimiters, formatted: bool, codec: str) -> str | None:
    known = {
        "F": marks.field, "S": marks.component, "T": marks.subcomponent, "R": marks.repetition,
        "E": marks.escape, "P": marks.truncation, "H": "", "N": "",
    }  # fmt: skip
    if code in known:
        return known[code]
    if code[:1] == "X" and len(code) > 1 and len(code) % 2 and re.fullmatch("[0-9A-Fa-f]+", code[1:]):
        try:
            return bytes.fromhex(code[1:]).decode(codec)
        except UnicodeDecodeError:
            return None
    if formatted and re.fullmatch(r"\.(br|sp|in|ti|fi|nf|ce|sk)[ +-]*\d{0,3}", code):
        return "\n"
    return None
