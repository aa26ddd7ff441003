"""From a label's words to the bytes a printer gets, through the template of its kind."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.core.errors import Refused
from app.labels.content import DispenseLabel, problems, texts
from app.labels.layout import CODE128, MATRIX, RULES, SERIAL, Symbol, boxes, matrix_modules, text_width, wrap
from app.labels.zpl import audit_job, field_data

SIZES = {8: (812, 609), 12: (1218, 914)}
"""Width and length of the 4 x 3 inch label in dots, by dots per millimetre (203 and 300 dpi)."""

_TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "labels"


@dataclass(frozen=True)
class Line:
    """One printed line of text: left, top, width and type height in 0.1 mm."""

    x: int
    y: int
    width: int
    type: int
    text: str
    centred: bool
    reversed: bool


@dataclass(frozen=True)
class Code:
    """One printed barcode: left and top in 0.1 mm, its module in dots, bar height in 0.1 mm."""

    x: int
    y: int
    module: int
    height: int


def render(label: DispenseLabel, dots_per_mm: int = 8) -> bytes:
    """The job that prints `label` on a 4 x 3 inch label at 8 (203 dpi) or 12 (300 dpi) dots per millimetre.

    Pure ASCII, exactly one label. Raises Refused with every reason when the label may not be printed, ValueError for
    another resolution or when the finished job does not pass `audit_job`.
    """
    if dots_per_mm not in SIZES:
        raise ValueError(f"Labels are laid out for 8 or 12 dots per millimetre, not for {dots_per_mm}.")
    if wrong := problems(label):
        raise Refused(" ".join(wrong))
    width, length = SIZES[dots_per_mm]
    job = (
        _environment(dots_per_mm)
        .get_template("dispense.zpl")
        .render(
            label=label,
            lines=lines(label),
            rules=RULES[len(label.ingredients)],
            serial=_square(SERIAL, len(label.serial), dots_per_mm),
            bedside=_bedside(label, dots_per_mm),
            dots_per_mm=dots_per_mm,
            width=width,
            length=length,
        )
        .encode("ascii")
    )
    audit_job(job)
    return job


def lines(label: DispenseLabel) -> tuple[Line, ...]:
    """Every line of `label` in its place. Raises Refused when a text does not fit its box."""
    placed: list[Line] = []
    places = boxes(len(label.ingredients))
    for name, text in texts(label).items():
        box = places[name]
        wrapped = wrap(text, box)
        if wrapped is None:
            raise Refused(f"{box.what.capitalize()} is too long for the label: “{text}”.")
        reversed_out = name == "alert" or (name == "hospital" and label.test)
        for nth, line in enumerate(wrapped):
            room = box.width - text_width(line, box.type) if box.right else 0
            top = box.y + nth * box.type
            placed.append(Line(box.x + room, top, box.width - room, box.type, line, name == "alert", reversed_out))
    return tuple(placed)


def _bedside(label: DispenseLabel, dots_per_mm: int) -> Code | None:
    if not label.bedside_code:
        return None
    if label.bedside_kind == "code128":
        return _bars(CODE128, dots_per_mm)
    return _square(MATRIX, len(label.bedside_code), dots_per_mm)


def _bars(symbol: Symbol, dots_per_mm: int) -> Code:
    """Bars after their quiet zone of ten modules (ISO/IEC 15417)."""
    module = symbol.module[dots_per_mm]
    return Code(symbol.x + -(-100 * module // dots_per_mm), symbol.y, module, symbol.height)


def _square(symbol: Symbol, length: int, dots_per_mm: int) -> Code:
    """A Data Matrix inside its quiet zone of one module, with the largest module that surely fits its place."""
    module = symbol.width * dots_per_mm // 10 // (matrix_modules(length) + 2)
    quiet = -(-10 * module // dots_per_mm)
    return Code(symbol.x + quiet, symbol.y + quiet, module, symbol.height)


def _environment(dots_per_mm: int) -> Environment:
    # HTML escaping would not protect a printer: every value passes `field_data` in the template itself.
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, autoescape=False)
    environment.filters["field_data"] = field_data
    environment.filters["dots"] = lambda tenths: max(1, round(tenths * dots_per_mm / 10))
    return environment
