"""From a label's words to the bytes a printer gets, through the template of its kind."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.core.errors import Refused
from app.labels.kind import BARS, Coded
from app.labels.kinds import AnyLabel, kind_of, texts
from app.labels.layout import BAND_ABOVE, BAND_ASIDE, BAND_BELOW, text_width, wrap
from app.labels.media import in_dots, in_tenths
from app.labels.problems import modules_of, problems
from app.labels.zpl import audit_job, field_data

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
    bolder: int
    band: bool


@dataclass(frozen=True)
class Band:
    """A black ground, in 0.1 mm."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Code:
    """One printed barcode: left and top in 0.1 mm, its module in dots, bar height in 0.1 mm, and its field."""

    x: int
    y: int
    module: int
    height: int
    how: str
    text: str


def render(label: AnyLabel, dots_per_mm: int = 8) -> bytes:
    """The job that prints `label` at 8 (203 dpi) or 12 (300 dpi) dots per millimetre.

    Pure ASCII, exactly one label. Raises Refused with every reason when the label may not be printed, ValueError for
    another resolution or when the finished job does not pass `audit_job`.
    """
    kind = kind_of(label)
    width, length = kind.media.dots(dots_per_mm)
    if wrong := problems(label):
        raise Refused("The label can not be printed: " + " ".join(wrong))
    job = (
        _environment(dots_per_mm)
        .get_template(kind.template)
        .render(
            label=label,
            drawing=kind.drawing(label),
            lines=lines(label),
            bands=bands(label),
            codes=[_placed(code, dots_per_mm) for code in kind.codes(label)],
            dots_per_mm=dots_per_mm,
            width=width,
            length=length,
        )
        .encode("ascii")
    )
    audit_job(job)
    return job


def lines(label: AnyLabel) -> tuple[Line, ...]:
    """Every line of `label` in its place. Raises Refused when a text does not fit its box."""
    placed: list[Line] = []
    places = kind_of(label).boxes(label) or {}
    for name, text in texts(label).items():
        box = places[name]
        wrapped = wrap(text, box)
        if wrapped is None:
            raise Refused(f"{box.what.capitalize()} is too long for the label: “{text}”.")
        for nth, line in enumerate(wrapped):
            room = box.width - text_width(line, box.type) if box.right else 0
            top = box.y + nth * box.type
            placed.append(Line(box.x + room, top, box.width - room, box.type, line, box.centred, box.bolder, box.band))
    return tuple(placed)


def bands(label: AnyLabel) -> tuple[Band, ...]:
    """The black grounds behind the texts that are white on black."""
    places = kind_of(label).boxes(label) or {}
    written = (places[name] for name in texts(label))
    return tuple(
        Band(
            box.x - BAND_ASIDE,
            box.y - BAND_ABOVE,
            box.width + 2 * BAND_ASIDE,
            box.height + BAND_ABOVE + BAND_BELOW,
        )
        for box in written
        if box.band
    )


def _placed(code: Coded, dots_per_mm: int) -> Code:
    """A barcode inside its quiet zone: of ten modules beside bars, of one around a Data Matrix (ISO/IEC 15417, 16022).

    A Data Matrix takes the largest module that surely fits its place.
    """
    place = code.place
    if code.how in BARS:
        module = place.module[dots_per_mm]
        x, y = place.x + in_tenths(10 * module, dots_per_mm), place.y
    else:
        module = in_dots(place.width, dots_per_mm) // (modules_of(code) + 2)
        quiet = in_tenths(module, dots_per_mm)
        x, y = place.x + quiet, place.y + quiet
    return Code(x, y, module, place.height, code.how, code.text)


def _field(code: Code) -> str:
    """What the field of a barcode says: the escapes that make it GS1 before the data. |1 and >8 are FNC1."""
    data = field_data(code.text)
    return {"gs1": "|1" + data, "gs1-128": ">;>8" + data}.get(code.how, data)


@cache
def _environment(dots_per_mm: int) -> Environment:
    # HTML escaping would not protect a printer: every value passes `field_data` in the template itself.
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, autoescape=False)
    environment.filters["field_data"] = field_data
    environment.filters["field"] = _field
    environment.filters["dots"] = lambda tenths: max(1, in_dots(tenths, dots_per_mm))
    return environment
