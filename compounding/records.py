"""What was done at the hood, as values. A record is never changed; a correction is a later record."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal

from app.core.canonical import canonical


@dataclass(frozen=True)
class Scanned:
    """A container was scanned for a step. `how`: 'scan' (its code says all), or 'staged' (lot and expiry confirmed).

    The package says which size it is; the lot belongs to the product.
    """

    package_id: int
    product_id: int
    lot: str
    expiry: date
    serial: str | None
    how: str


@dataclass(frozen=True)
class Weighed:
    """A weight was accepted: grams, how many readings it is the mean of, and on which balance since which start.

    `verdict` and `volume_ml` are what the screen showed when the weight decided about a volume, for the replay to
    compare; None for a weight that only starts a difference.
    """

    value_g: Decimal
    readings: int
    balance: str
    epoch: int
    insisted: bool
    verdict: str | None = None
    volume_ml: Decimal | None = None


@dataclass(frozen=True)
class Confirmed:
    """A person said YES or NEXT, by 'tap' or 'card'."""

    how: str


@dataclass(frozen=True)
class Labelled:
    """The dispensing label was made."""

    serial: str


@dataclass(frozen=True)
class Half:
    """One half of the label-and-tray pair was scanned: 'label' or 'tray'."""

    of: str
    text: str


@dataclass(frozen=True)
class Photographed:
    """The labelled bag was photographed."""

    sha256: str


@dataclass(frozen=True)
class Redone:
    """From this step on everything is done again, for a reason; by whom is in the record itself."""

    reason: str


@dataclass(frozen=True)
class Stopped:
    """Something was refused: what was scanned or weighed, what was wanted, and what to do now. Changes nothing."""

    what: str
    scanned: str
    wanted: str
    remedy: str


@dataclass(frozen=True)
class Asked:
    """A question waits for YES: is it this lot? (staged stock whose code carries neither lot nor expiry)"""

    package_id: int
    product_id: int
    lot: str
    expiry: date
    serial: str | None


@dataclass(frozen=True)
class Helped:
    """Somebody asked for help."""

    words: str


Facts = Scanned | Weighed | Confirmed | Labelled | Half | Photographed | Redone | Stopped | Asked | Helped
KINDS: dict[str, type] = {
    "scanned": Scanned,
    "weighed": Weighed,
    "confirmed": Confirmed,
    "labelled": Labelled,
    "half": Half,
    "photographed": Photographed,
    "redone": Redone,
    "stopped": Stopped,
    "asked": Asked,
    "helped": Helped,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


@dataclass(frozen=True)
class Record:
    """One record: its number in the preparation, its step, what was done, by whom (person number) and when (UTC)."""

    number: int
    step: str
    facts: Facts
    person_id: int
    at: datetime
    weighing_id: int | None = None
    photo_id: int | None = None


def kind_of(facts: Facts) -> str:
    """The name under which facts are stored."""
    return _NAMES[type(facts)]


def to_text(facts: Facts) -> str:
    """Write facts as canonical JSON."""
    return canonical(asdict(facts))


def from_text(kind: str, text: str) -> Facts:
    """Read facts back, equal to what was written."""
    d = json.loads(text)
    for name in ("expiry",):
        if name in d:
            d[name] = date.fromisoformat(d[name])
    for name in ("value_g", "volume_ml"):
        if d.get(name) is not None:
            d[name] = Decimal(d[name])
    facts: Facts = KINDS[kind](**d)
    return facts
