"""How a dose is made of its packages, and when it is due, in the words of its labels.

Source: unit-dose reference §2.6 (draw what is measured, 'half tablet' in words), §6.1 (dose before volume).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from app.core.error_prone import in_safe_words
from app.core.quantity import EXACT, UNITS, Quantity
from app.core.wording import MONTHS, number, tall_man, unmistakable
from app.formulary.unit_dose import UnitDoseFacts
from app.labels.content import AS_NEEDED, Content
from app.orders.wall_clock import zone_named
from unitdose.queries import LineFacts

Lines = tuple[LineFacts, ...]
"""The lines of one dose: one a package, so 75 mg as 50 + 25 are two."""
_HALF = Decimal("0.5")


def doses_of(lines: Iterable[LineFacts]) -> Iterator[Lines]:
    """The doses that are picked, each with its lines; what is given as needed is a dose a line."""
    found: dict[tuple[int, datetime | int], list[LineFacts]] = {}
    for line in lines:
        if line.packages > 0:
            found.setdefault((line.order.order_id, line.due_at or line.line_id), []).append(line)
    return (tuple(mine) for mine in found.values())


def made_of(line: LineFacts) -> tuple[UnitDoseFacts, Decimal]:
    """The package of a line, and how many units of it make the dose."""
    assert line.package is not None
    return line.package, line.units or Decimal(line.packages)


def volume_of(dose: Lines, ordered: Quantity) -> str:
    """The volume that holds the dose, for liquids of one package; '' where the order itself is a volume."""
    package, units = made_of(dose[0])
    if package.volume_ml is None or package.uses is not None or len(dose) > 1 or ordered.dimension == "volume":
        return ""
    return _ml(EXACT.multiply(units, package.volume_ml))


def how_given(dose: Lines) -> str:
    """How the dose is made of its packages, as an order to the nurse; '' where a package is the dose."""
    parts = [_package_words(line, many=len(dose) > 1) for line in dose]
    if len(dose) > 1:
        return "Give " + " and ".join(parts)
    return parts[0]


def _package_words(line: LineFacts, *, many: bool) -> str:
    package, units = made_of(line)
    if package.uses is not None:
        return ""
    if package.form in ("tablet", "half tablet"):
        whole = units if package.form == "tablet" else units * _HALF
        tablets = str(Quantity(whole, "tablet"))
        words = tablets if package.form == "half tablet" else f"{tablets} of {package.content}"
    elif package.volume_ml is not None and units % 1:
        held = _ml(package.volume_ml)
        drawn = _ml(EXACT.multiply(units, package.volume_ml))
        words = f"{drawn} of {held}" if line.packages == 1 else f"{drawn} of {_several(line)} of {held}"
        return words if many else f"Draw {words}"
    else:
        content = _ml(package.volume_ml) if package.volume_ml is not None else str(package.content)
        words = f"{_counted_form(units, package.form)} of {content}"
    if many:
        return words
    return "" if units == 1 and package.form != "half tablet" else f"Give {words}"


def _several(line: LineFacts) -> str:
    return _counted_form(Decimal(line.packages), made_of(line)[0].form)


def _counted_form(count: Decimal, form: str) -> str:
    if form in UNITS:
        return str(Quantity(count, form))
    return f"{number(count)} {form}" if count == 1 else f"{number(count)} {form}s"


def _ml(value: Decimal) -> str:
    return str(Quantity(value, "mL"))


def counted(count: int, what: str) -> str:
    """So many of something: '1 dose', '14 doses'."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def contents_of(lines: Sequence[LineFacts], zone: str) -> Iterator[Content]:
    """What a drawer holds, a drug with its dose a line, in the order of the first time."""
    found: dict[tuple[str, str], list[datetime]] = {}
    for dose in doses_of(lines):
        first = dose[0]
        package = made_of(first)[0]
        ordered = " and ".join(str(each) for each in first.order.doses.values())
        volume = volume_of(dose, next(iter(first.order.doses.values())))
        what = f"{tall_man(in_safe_words(package.name))} {ordered}" + (f" ({volume})" if volume else "")
        give = how_given(dose)
        how = ", ".join(text for text in (give[:1].lower() + give[1:], in_safe_words(first.order.route)) if text)
        times = found.setdefault((what, how), [])
        if first.due_at is not None:
            times.append(first.due_at)
    for (what, how), times in found.items():
        yield Content(what, how, _times(times, zone) or AS_NEEDED)


def _times(times: Iterable[datetime], zone: str) -> str:
    """Due times by day: '04-Dec 21:00, 05-Dec 09:00 15:00'; in a repeated hour with the zone."""
    days: dict[date, list[str]] = {}
    for at in sorted(times):
        local = at.astimezone(zone_named(zone))
        clock = unmistakable(at, zone).split(" ", 1)[1]
        days.setdefault(local.date(), []).append(clock)
    return ", ".join(f"{on.day:02d}-{MONTHS[on.month - 1]} {' '.join(clocks)}" for on, clocks in days.items())
