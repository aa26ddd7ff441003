"""What a trial's scanner can read while a cart is picked: the right package or drawer, and things that are wrong."""

from collections.abc import Callable

from app.web.parts import Parts
from unitdose.pick_queries import way_through, where_am_i
from unitdose.queries import drawers_of

UnitCode = Callable[[str, str], str]
"""What a scanner reads from a unit-dose package, by its NDC and lot."""


def cart_scans(parts: Parts, person_id: int | None, unit_code: UnitCode) -> list[tuple[str, str]]:
    """Words and codes for whoever is picking, the right one first; empty when they are not."""
    with parts.db.read() as session:
        mine = where_am_i(session, person_id)
        if mine is None:
            return []
        way = way_through(session, mine.fill_id)
        drawers = drawers_of(session, mine.fill_id)
    stop = next((each for each in way if each.key == mine.key), None)
    if stop is None:
        return []
    first = stop.puts[0]
    package = (f"One {stop.package.shown}", unit_code(stop.package.ndc, first.lot))
    if mine.hand_lot_id is None:
        other = next((each.package for each in way if each.key != mine.key), None)
        found = [package, ("The bin", stop.spot.code), ("One of another lot", unit_code(stop.package.ndc, "OTHER1"))]
        return found + ([(f"One {other.shown}", unit_code(other.ndc, first.lot))] if other else [])
    wanted = {each.work_id for each in stop.puts if each.lot_id == mine.hand_lot_id}
    labels = {each.work_id: each for each in drawers if each.serial}
    right = next((labels[each] for each in wanted if each in labels), None)
    wrong = next((each for each in labels.values() if each.work_id not in wanted), None)
    return [
        (f"{words} {each.number}", each.serial)
        for words, each in (("Drawer", right), ("Another drawer,", wrong))
        if each is not None and each.serial is not None
    ]
