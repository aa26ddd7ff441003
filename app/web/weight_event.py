"""What a tablet hears of a reading: the number, what it means for the step that waits, and whether it is accepted."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.core.errors import Refused
from app.core.wording import number
from app.web.parts import Parts
from compounding.gravimetry import settled
from compounding.procedure import Standing
from compounding.queries import opened
from compounding.recipe import Weigh
from compounding.records import Weighed
from compounding.weighing import LIGHTEST_G, Gauge, advice, gauge, judge_weight, refuse_weight
from compounding.worksheet import Worksheet
from devices.balance import Balance
from devices.reading import WORDS, Stamped
from devices.status import State, Status

CENT = Decimal("0.01")
# How far the screen looks back, up to 20 times a second for every tablet: seconds, and readings of a balance that says
# few a second. It is longer than a pan must stand still; the act itself judges all readings since the last step.
LOOK_BACK, AT_LEAST = 1.5, 5


@dataclass(frozen=True)
class Waiting:
    """The weighing that a preparation waits for."""

    sheet: Worksheet
    where: Standing
    step: Weigh
    gauge: Gauge | None
    work_id: int
    version: str


def waiting(parts: Parts, work_id: int) -> Waiting | None:
    """Read which weighing a preparation waits for, if it waits for one; blocks on the database."""
    with parts.db.read() as session:
        at = opened(session, work_id)
    step = at.where.current
    if not isinstance(step, Weigh):
        return None
    return Waiting(at.sheet, at.where, step, gauge(at.sheet, at.where, step), work_id, step.key)


def weight_event(parts: Parts, balance: Balance, stamped: Stamped | None, waits: Waiting | None) -> dict[str, Any]:
    """Compose one event of the stream, as `static/js/weigh.js` reads it."""
    status = balance.status()
    if stamped is None or status.state is not State.READY:
        return _nothing(status, stamped)
    reading = stamped.reading
    event: dict[str, Any] = {
        "value": None,
        "unit": "g",
        "seq": stamped.seq,
        "age_ms": max(0, int((parts.monotonic() - stamped.at) * 1000)),
        "stable": bool(reading.stable),
        "settled": False,
        "accept": False,
        "gauge": None,
        "step": waits.version if waits else None,
    }
    if reading.kind != "weight" or reading.grams is None:
        words = WORDS[reading.error] if reading.error else "no weight"
        return event | {"state": "no_scale", "words": words[:1].upper() + words[1:]}
    grams = reading.grams
    event["value"] = str(grams)
    event["state"] = "stable" if reading.stable else "moving"
    if waits is None:
        return event
    if waits.gauge is not None:
        event["gauge"] = _gauge(waits.gauge, grams)
    return event | _meaning(parts, balance, status, waits, grams, stamped)


def _nothing(status: Status, stamped: Stamped | None) -> dict[str, Any]:
    return {
        "value": None,
        "unit": "g",
        "seq": stamped.seq if stamped else status.last_seq,
        "age_ms": 0,
        "state": "no_scale",
        "words": status.words,
        "stable": False,
        "settled": False,
        "accept": False,
        "gauge": None,
        "step": None,
    }


def _meaning(
    parts: Parts, balance: Balance, status: Status, waits: Waiting, grams: Decimal, newest: Stamped
) -> dict[str, Any]:
    """What a number on the pan means for the step that waits."""
    if grams < LIGHTEST_G:
        return {"state": "waiting", "words": f"Put the {waits.step.object} on the pan"}
    since = parts.since(waits.work_id)
    still = settled(balance.recent(LOOK_BACK, AT_LEAST), since, waits.sheet.balance.readability_g)
    if still is None:
        if newest.reading.stable:
            return {"words": "Hold still …"}
        return {"state": "moving", "words": _hint(waits.gauge, grams)}
    weight = Weighed(still.value_g, still.n, waits.sheet.balance.serial, still.epoch, False)
    if waits.gauge and waits.gauge.before_g is not None and abs(grams - waits.gauge.before_g) <= CENT * 5:
        return {"settled": True, "state": "lift_off", "words": f"Lift the {waits.step.object} off and go on"}
    if parts.stands_frozen(waits.sheet.hood, status):
        return {"settled": True, "state": "lift_off", "words": "Has not moved: lift everything off, then put it back"}
    try:
        refuse_weight(waits.sheet, waits.where, waits.step, weight)
    except Refused as refused:
        return {"settled": True, **_refused(waits, weight, str(refused))}
    return {"settled": True, "state": "within", "accept": True, "words": "Stable, in range"}


def _refused(waits: Waiting, weight: Weighed, words: str) -> dict[str, Any]:
    verdict = judge_weight(waits.sheet, waits.where, waits.step, weight)
    if verdict is None or verdict.verdict in ("within", "cannot_tell"):
        return {"state": "cannot_tell" if verdict and verdict.verdict == "cannot_tell" else "over", "words": words}
    return {"state": verdict.verdict, "words": advice(waits.sheet, waits.step, verdict)}


def _hint(band: Gauge | None, grams: Decimal) -> str:
    """While it moves: how far from the target, in mL."""
    if band is None:
        return "Moving"
    off = (grams - band.target_g) * band.ml_per_g
    return f"Moving: {number(abs(off).quantize(Decimal('0.1')))} mL {'more than wanted' if off > 0 else 'to go'}"


def _gauge(band: Gauge, grams: Decimal) -> dict[str, Any]:
    """The gauge's places as shares of the band that is shown; low and high follow the pan, words are in mL."""
    span = band.to_g - band.from_g

    def share(value: Decimal) -> float:
        return float((value - band.from_g) / span)

    words = ("", "")
    if band.target_ml is not None and band.tolerance_ml is not None:
        ends = (band.target_ml - band.tolerance_ml, band.target_ml + band.tolerance_ml)
        ordered = ends if band.ml_per_g > 0 else (ends[1], ends[0])
        words = (f"{number(ordered[0].quantize(CENT))} mL", f"{number(ordered[1].quantize(CENT))} mL")
    return {
        "at": share(grams),
        "low": share(band.low_g),
        "target": share(band.target_g),
        "high": share(band.high_g),
        "low_words": words[0],
        "high_words": words[1],
    }
