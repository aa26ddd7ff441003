"""The picture that a pretend camera takes: an infusion bag with its label, drawn, never photographed."""

import io
from functools import cache
from pathlib import Path

import zxingcpp
from PIL import Image, ImageDraw, ImageFont

SIZE = (1280, 720)
_LABEL = (420, 190, 1030, 560)
_TYPE = Path(__file__).parent / "web" / "static" / "vendor" / "atkinson-next-latin.woff2"


def labelled_bag(serial: str, words: tuple[str, ...]) -> Image.Image:
    """Draw a bag whose label carries `words`, one a line, and the serial as a DataMatrix that can be read back."""
    picture = Image.new("RGB", SIZE, (58, 66, 74))
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((310, 40, 1140, 690), 90, fill=(214, 226, 232), outline=(168, 182, 190), width=6)
    pen.ellipse((690, 62, 760, 112), fill=(58, 66, 74))
    for x in (560, 700, 840):
        pen.rounded_rectangle((x, 664, x + 40, 716), 8, fill=(186, 198, 206))
    for mark in range(5):
        y = 190 + mark * 92
        pen.line((340, y, 392, y), fill=(90, 104, 116), width=4)
        pen.text((346, y + 6), str(50 * (mark + 1)), fill=(90, 104, 116), font=_font(22))
    pen.rectangle(_LABEL, fill="white", outline=(190, 190, 190), width=2)
    left, top = _LABEL[0] + 24, _LABEL[1] + 20
    for number, line in enumerate(words):
        font = _font(34 if number == 0 else 25)
        for part in _wrapped(line, 30 if number == 0 else 38):
            pen.text((left, top), part, fill="black", font=font)
            top += font.size + 10
    symbol = zxingcpp.create_barcode(serial, zxingcpp.BarcodeFormat.DataMatrix)
    code = Image.fromarray(zxingcpp.write_barcode_to_image(symbol, scale=6)).convert("RGB")
    picture.paste(code, (_LABEL[2] - code.width - 24, _LABEL[3] - code.height - 20))
    return picture


def jpeg(serial: str, words: tuple[str, ...]) -> bytes:
    """The same picture as a camera sends it."""
    kept = io.BytesIO()
    labelled_bag(serial, words).save(kept, "JPEG", quality=85)
    return kept.getvalue()


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The product's own type, which has the letters of European names."""
    return ImageFont.truetype(_TYPE, size)


def _wrapped(line: str, most: int) -> list[str]:
    found = [""]
    for word in line.split():
        if found[-1] and len(found[-1]) + len(word) + 1 > most:
            found.append("")
        found[-1] = f"{found[-1]} {word}".strip()
    return found
