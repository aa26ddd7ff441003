"""A station as somebody describes it on a form, read as a whole or refused field by field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.core.errors import Invalid

KINDS = ("hood", "desk", "ward")
PROTOCOLS = ("mt-sics",)
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_DECIMAL = re.compile(r"\d{1,4}(?:\.\d{1,6})?", re.ASCII)
_LEAST_PX, _MOST_PX = Decimal(2), Decimal(20)
_FINEST_G, _COARSEST_G = Decimal("0.0001"), Decimal(1)


@dataclass(frozen=True)
class Description:
    """What a station is: kind, name, host name, scale of its screen, its balance and its printer (None: none).

    Readability and repeatability are grams.
    """

    kind: str
    name: str
    host: str | None
    unit_id: int | None
    px_per_mm: Decimal
    balance_url: str | None = None
    balance_protocol: str | None = None
    balance_serial: str | None = None
    balance_readability_g: Decimal | None = None
    balance_repeatability_g: Decimal | None = None
    balance_simulated: bool = False
    printer_url: str | None = None
    printer_simulated: bool = False


def read_description(given: Mapping[str, str]) -> Description:
    """Read the fields of the form; what is left empty is not there. Raises Invalid with every fault at its field."""
    wrong: dict[str, str] = {}
    kind = given.get("kind", "")
    name = " ".join(given.get("name", "").split())
    host = given.get("host", "").strip().lower()
    balance_url, serial = given.get("balance_url", "").strip(), given.get("balance_serial", "").strip()
    if kind not in KINDS:
        wrong["kind"] = "Choose what stands there: a hood, a desk or a ward."
    if not name or not name.isprintable() or len(name) > 60:
        wrong["name"] = "Give the station a name of at most 60 characters, as people call it."
    if host and not _HOST.fullmatch(host):
        wrong["host"] = "Write the host name alone, such as hood-1.pharmacy.example, without http and without a port."
    if balance_url and kind != "hood":
        wrong["balance_url"] = "Only a hood has a balance. Leave this empty."
    if balance_url and not serial:
        wrong["balance_serial"] = "Give the serial number of the balance, so that no other one can stand in for it."
    protocol = given.get("balance_protocol", "") or PROTOCOLS[0]
    if balance_url and protocol not in PROTOCOLS:
        wrong["balance_protocol"] = "Choose the language that the balance speaks."
    px_per_mm = _number(given, "px_per_mm", "3.8", (_LEAST_PX, _MOST_PX), "pixels per millimetre", wrong)
    readability = _number(given, "balance_readability_g", "0.01", (_FINEST_G, _COARSEST_G), "g", wrong)
    repeatability = _number(given, "balance_repeatability_g", "0.01", (_FINEST_G, _COARSEST_G), "g", wrong)
    if wrong:
        raise Invalid(wrong)
    unit = given.get("unit_id", "")
    return Description(
        kind=kind,
        name=name,
        host=host or None,
        unit_id=int(unit) if unit.isdigit() else None,
        px_per_mm=px_per_mm,
        balance_url=balance_url or None,
        balance_protocol=protocol if balance_url else None,
        balance_serial=serial if balance_url else None,
        balance_readability_g=readability if balance_url else None,
        balance_repeatability_g=repeatability if balance_url else None,
        balance_simulated=bool(balance_url and given.get("balance_simulated")),
        printer_url=given.get("printer_url", "").strip() or None,
        printer_simulated=bool(given.get("printer_url", "").strip() and given.get("printer_simulated")),
    )


def code_for(name: str, taken: frozenset[str]) -> str:
    """Make the short code of a station's address from its name: “Hood 2” becomes hood-2, a second one hood-2-2."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "station"
    code, number = plain, 1
    while code in taken:
        number += 1
        code = f"{plain}-{number}"
    return code


def _number(
    given: Mapping[str, str], name: str, usual: str, between: tuple[Decimal, Decimal], unit: str, wrong: dict[str, str]
) -> Decimal:
    text = given.get(name, "").strip() or usual
    if not _DECIMAL.fullmatch(text) or not between[0] <= Decimal(text) <= between[1]:
        wrong[name] = f"Give a number from {between[0]} to {between[1]} {unit}."
        return between[0]
    return Decimal(text)
