"""The pretend hospital's cart room for tests: a fill planned and changed in one line each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app import demo_cart
from app.db.session import Db, Who
from app.labels.house import House
from app.orders import actions as orders
from app.orders.models import OrderVersion
from app.orders.stated import StatedOrder
from unitdose import check_actions, drawer_actions, pick_actions, pick_scan_actions, scheduler
from unitdose.check_queries import check_queue
from unitdose.drawer_queries import drawer_sha256, drawer_standing
from unitdose.label_actions import label_drawers
from unitdose.pick_queries import Halt, stop_at, where_am_i
from unitdose.picking import PickStop, ToPut
from unitdose.queries import LineFacts, drawer_facts, drawers_of, lines_of

WINDOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
"""The window that the tests' clock (22-Nov-2026 14:05 UTC, 09:05 in New York) plans next: 15:00 to 15:00."""
FIRST = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
"""Sat 21:00 in New York: a first dose well before the window, so that BID is due at 21:00 and 09:00."""
HOUR = timedelta(hours=1)
HOUSE = House("Laminar General", "order number", False)


@dataclass
class CartRoom:
    """The cart room of the pretend hospital: its database, everybody's number, and its two carts by code."""

    db: Db
    people: dict[str, int]
    carts: Mapping[str, int]

    def who(self, name: str) -> Who:
        return demo_cart.who(name, self.people, 3 if name == "nina" else 2)

    def proof(self, name: str) -> demo_cart.Proven:
        return demo_cart.proof(self.db, name, self.people, self.who(name).station_id)

    def order(self, drug: str, dose: tuple[str, str], **how: object) -> int:
        """A verified oral order, first due before the window; the number of its version."""
        return demo_cart.verified(self.db, self.people, self.stated(drug, dose, **how))

    def stated(self, drug: str, dose: tuple[str, str], **how: object) -> StatedOrder:
        return demo_cart.oral_order(self.db, drug, dose, **({"first": FIRST} | how))  # type: ignore[arg-type]

    def open(self, cart: str = "7W", start: datetime = WINDOW) -> int:
        with self.db.write(self.who("tina")) as tx:
            return scheduler.open_fill(tx, self.carts[cart], start)

    def planned(self, cart: str = "7W", start: datetime = WINDOW) -> int:
        """A window opened and planned; the number of the fill."""
        fill_id = self.open(cart, start)
        scheduler.run(self.db, fill_id, self.who("tina"), "by hand")
        self.label(fill_id)
        return fill_id

    def label(self, fill_id: int) -> None:
        """Print the label of every drawer of a fill that has none."""
        refused = label_drawers(self.db, fill_id, self.who("tina"), HOUSE).refused
        assert not refused, refused

    def lines(self, fill_id: int) -> tuple[LineFacts, ...]:
        with self.db.read() as session:
            return lines_of(session, fill_id)

    def of_order(self, fill_id: int, version_id: int) -> list[LineFacts]:
        with self.db.read() as session:
            order_id = session.get_one(OrderVersion, version_id).order_id
        return [line for line in self.lines(fill_id) if line.order.order_id == order_id]

    def picked(self, fill_id: int, by: str = "tina", most: int = 1000) -> int:
        """Pick a fill rightly, package by package; how many packages were put."""
        count = 0
        with self.db.write(self.who(by)) as tx:
            pick_actions.start(tx, fill_id)
        while count < most and (here := self.here(fill_id, by)) is not None:
            stop, to = here
            self.scan(unit_code(stop.package.ndc, stop.lots, to.lot_id), by)
            self.scan(self.serial(to.work_id), by)
            count += 1
        return count

    def here(self, fill_id: int, by: str = "tina") -> tuple[PickStop, ToPut] | None:
        """Where somebody stands and what comes next there; None when the way is done."""
        with self.db.read() as session:
            at = where_am_i(session, self.people[by])
            stop = stop_at(session, fill_id, at.key) if at else None
        return (stop, stop.puts[0]) if stop else None

    def scan(self, text: str, by: str = "tina") -> Halt | None:
        """One scan while picking; the hard stop that it led to, or None."""
        with self.db.write(self.who(by)) as tx:
            pick_scan_actions.scan(tx, text)
        with self.db.read() as session:
            at = where_am_i(session, self.people[by])
        return at.halt if at else None

    def serial(self, work_id: int) -> str:
        with self.db.read() as session:
            serial = drawer_facts(session, work_id).serial
        assert serial is not None
        return serial

    def signed(self, fill_id: int, by: str = "tina") -> list[int]:
        """Sign every drawer of a fill that is ready as prepared."""
        with self.db.read() as session:
            ready = [drawer_standing(session, each.work_id) for each in drawers_of(session, fill_id)]
        shown = {each.facts.work_id: drawer_sha256(each) for each in ready if each.ready}
        with self.db.write(self.who(by)) as tx:
            return drawer_actions.finish(tx, fill_id, list(shown), self.proof(by), shown)

    def released(self, fill_id: int, by: str = "pablo") -> list[int]:
        """Release every drawer of a fill that waits for its check."""
        with self.db.read() as session:
            waiting = [each.work_id for each in check_queue(session, fill_id)]
            shown = {each: drawer_sha256(drawer_standing(session, each)) for each in waiting}
        for work_id in waiting:
            with self.db.write(self.who(by)) as tx:
                check_actions.release(tx, work_id, self.proof(by), shown[work_id])
        return waiting

    def checked(self, cart: str = "7W", start: datetime = WINDOW) -> int:
        """A window planned, picked, signed and released; the number of the fill."""
        fill_id = self.planned(cart, start)
        self.picked(fill_id)
        self.signed(fill_id)
        self.released(fill_id)
        return fill_id

    def stop(self, version_id: int) -> int:
        """Stop an order by a pharmacist's hand; the number of the order."""
        with self.db.read() as session:
            order_id = session.get_one(OrderVersion, version_id).order_id
        with self.db.write(self.who("pablo")) as tx:
            orders.stop(tx, order_id, reason="test")
        return order_id


def unit_code(ndc: str, lots: tuple[tuple[int, str], ...], lot_id: int) -> str:
    """What a scanner reads from the package of an NDC in one of the lots."""
    key = next(each.key for each in demo_cart.DOSED if each.ndc == ndc)
    return demo_cart.unit_code(key, lot=dict(lots)[lot_id])


def cart_room(db: Db, people: Mapping[str, int], labels: Path) -> CartRoom:
    """Set the cart room up in the seeded pretend hospital; what it prints lies in the folder `labels`."""
    mine = dict(people)
    carts = demo_cart.seed_cart_room(db, mine, f"folder:{labels}")
    return CartRoom(db, mine, carts)
