"""Which letters a message is written in: the sender's word is a claim that its bytes have to bear out.

Sources: HL7 v2.5.1 section 2.15.9.18 (MSH-18) and table 0211; house interoperability notes on encoding.
"""

from collections.abc import Sequence

_CHARSETS = {
    "ASCII": "ascii", "ISO IR6": "ascii", "UNICODE UTF-8": "utf-8", "UNICODE": "utf-8", "UTF-8": "utf-8",
    "UTF8": "utf-8", "ISO IR87": "iso2022_jp_2", "ISO IR159": "iso2022_jp_2", "ISO IR14": "shift_jis",
    "ISO-2022-JP": "iso2022_jp_2", "GB 18030-2000": "gb18030", "KS X 1001": "euc_kr", "BIG-5": "big5",
    "WINDOWS-1252": "cp1252", "CP1252": "cp1252", "SHIFT_JIS": "shift_jis", "LATIN-1": "iso8859-1",
}  # fmt: skip
_CHARSETS |= {
    name: f"iso8859-{part}"
    for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)
    for name in (f"8859/{part}", f"ISO-8859-{part}", f"ISO8859-{part}")
}


def decide(
    raw: bytes, lines: Sequence[tuple[int, int]], declared: Sequence[str], setting: str | None, warnings: list[str]
) -> tuple[str, str]:
    """Choose how a message's lines are decoded: (Python codec, what was used and why).

    The connection's setting, else what MSH-18 declares, else UTF-8 if it decodes strictly, else Windows-1252.
    Whatever had to be tolerated is added to `warnings`.
    """
    names = [name.strip() for name in declared if name.strip() and name.strip() != '""']
    if raw.isascii() and b"\x1b" not in raw and not setting:
        return "ascii", "ASCII"
    tries = [(setting, "connection setting")] if setting else []
    # The first name is the default set; later ones are what the text may switch to, which contains the first.
    tries += [(name, "MSH-18") for name in reversed(names)]
    tries += [("UNICODE UTF-8", "tried"), ("WINDOWS-1252", "tried")]
    for name, why in tries:
        codec = _codec(name)
        if codec is None:
            warnings.append(f"The character set '{name}' ({why}) is not known: check accented letters.")
            continue
        if codec == "iso8859-1" and any(0x80 <= byte <= 0x9F for byte in raw):
            # Senders that say 8859/1 and use these bytes are Windows programs; 8859/1 has no letters there.
            codec, why = "cp1252", f"{why} said {name}"
        if _decodes(raw, lines, codec):
            if why == "tried" and (names or setting):
                warnings.append(f"The text is not in the character set that was named; read as {codec}.")
            return codec, f"{codec} ({why})"
    warnings.append("Some characters could not be read and show as �: compare with the sender's screen.")
    return "cp1252", "cp1252 (tried, characters lost)"


def _codec(name: str) -> str | None:
    return _CHARSETS.get(name.strip().upper())


def _decodes(raw: bytes, lines: Sequence[tuple[int, int]], codec: str) -> bool:
    try:
        for start, end in lines:
            raw[start:end].decode(codec)
    except UnicodeDecodeError:
        return False
    return True
