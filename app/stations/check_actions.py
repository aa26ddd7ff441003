"""Checking a balance with a check weight: one weighing, kept with its raw bytes like every other."""

from app.audit.actions import record
from app.core.errors import Refused
from app.core.permissions import May
from app.db.session import Tx
from app.stations.actions import Weight, keep_weight
from app.stations.check_weights import SERIES, CheckWeight, allowed, nominal_of
from app.stations.models import BalanceCheck, Station


def check_balance(tx: Tx, weight: Weight) -> CheckWeight:
    """Keep what a check weight reads at this hood's balance, good or not. Raises Refused when it is no check weight."""
    tx.who.require(May.PREPARE)
    station = tx.session.get(Station, tx.who.station_id) if tx.who.station_id else None
    if station is None or station.kind != "hood" or station.balance_readability_g is None:
        raise Refused("This is no hood with a balance. Check the balance at its own hood.")
    nominal = nominal_of(weight.value_g)
    if nominal is None:
        raise Refused(
            f"{weight.value_g} g is no check weight: they are {', '.join(str(each) for each in SERIES)} g. Put one of "
            "them alone on the pan. If it lies there alone, the balance is far off: take it out of use."
        )
    kept = keep_weight(tx, station.id, weight)
    limit = allowed(station.balance_readability_g, station.balance_repeatability_g)
    assert tx.who.person_id is not None
    tx.session.add(
        BalanceCheck(
            weighing_id=kept.id, balance_serial=weight.balance_serial, nominal_g=nominal, value_g=weight.value_g,
            allowed_g=limit, person_id=tx.who.person_id, at=tx.now,
        )
    )  # fmt: skip
    tx.session.flush()
    found = CheckWeight(nominal, weight.value_g, limit)
    facts = {"nominal_g": nominal, "value_g": weight.value_g, "allowed_g": limit, "good": found.good}
    record(tx, "balance checked", f"station {station.id}", facts | {"weighing": kept.id})
    tx.tell("worklist")
    return found
