"""What lies on the pan of a visitor's own hood: a settled weight with its evidence, or why there is none."""

from dataclasses import dataclass

from app.core.errors import Refused
from app.stations.actions import Weight
from app.web.session import Visitor
from compounding.gravimetry import settled
from devices.balance import Balance
from devices.reading import Stamped
from devices.status import State

KEPT_SECONDS = 20.0
FRESH = 2.0  # Seconds: an older weight says nothing about what lies on the pan now.
FROZEN = (
    "The balance has not moved by a digit since its last weight. Lift everything off, wait for zero, then put it back. "
    "If the number stands still even then, the balance is frozen: switch it off and on, or take it out of use."
)


@dataclass(frozen=True)
class OnThePan:
    """A settled weight, the monotonic second of its last reading, and what is known of the pan before it.

    `frozen`: the number has not changed since the last accepted weight; `from_zero`: a still zero was seen since then.
    """

    weight: Weight
    read_at: float
    frozen: bool
    from_zero: bool


def on_the_pan(visit: Visitor, since: float) -> OnThePan:
    """Read the settled weight of this hood's own balance, newer than a monotonic second. Raises Refused.

    Frozen is told and not refused here: what is wrong with the step or with what lies there is said first.
    """
    parts, station = visit.parts, visit.station
    balance = _balance(visit)
    status = balance.status()
    if status.state is not State.READY:
        raise Refused(f"There is no weight now. {status.words}")
    if status.age is None or status.age > FRESH:
        raise Refused("The balance shows nothing new. Look at its display, wait a moment, then weigh again.")
    # The same twenty seconds that are kept as evidence, so that a replay counts the same readings.
    window = balance.window(parts.monotonic() - KEPT_SECONDS)
    readability = station.balance_readability_g
    still = settled(window, since, readability) if readability else None
    if still is None or readability is None:
        raise Refused("There is no still weight on the pan. Let it stand still, then it is taken.")
    weight = Weight(
        still.value_g, still.n, status.serial or "", still.epoch, station.balance_protocol or "", raw_window(window)
    )
    last = parts.weighed.get(station.code, float("-inf"))
    zeros = (s for s in window if s.at > last and s.reading.stable and s.reading.grams is not None)
    from_zero = any(abs(s.reading.grams) <= 2 * readability for s in zeros if s.reading.grams is not None)
    return OnThePan(weight, still.last_at, parts.stands_frozen(station.code, status), from_zero)


def _balance(visit: Visitor) -> Balance:
    try:
        return visit.parts.hub.balance(visit.station.code)
    except LookupError:
        raise Refused("This hood has no balance. Take the dose to a hood that has one.") from None


def raw_window(window: tuple[Stamped, ...]) -> bytes:
    """The readings before acceptance as they came, one a line: seconds before the last, epoch, number, the bytes."""
    last = window[-1].at
    return b"".join(
        f"{s.at - last:.3f} {s.epoch} {s.seq} ".encode() + s.reading.raw.rstrip(b"\r\n") + b"\n"
        for s in window
        if last - s.at <= KEPT_SECONDS
    )
