"""The pretend hospital for tests, and one dose led through the hood without a browser."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from app import demo
from app.db.session import Db, Who
from app.labels.house import House
from app.stations.actions import Weight
from app.stations.photos import Picture
from compounding import check_actions, hood_actions, scan_actions
from compounding.opened import Opened
from compounding.procedure import Label, Pair, Shot
from compounding.queries import opened
from compounding.recipe import Inspect, Scan, Weigh

BALANCE = "SIM-0001"
HOUSE = House("Laminar General", "order number", False)
HOOD, DESK, WARD = 1, 2, 3
PICTURE = Picture(b"not looked at", "a" * 64, 1280, 720)


@dataclass
class Hospital:
    """The seeded hospital: its database, everybody's number, and acts in one line each."""

    db: Db
    people: Mapping[str, int]
    serials: dict[str, int] = field(default_factory=dict)

    def who(self, name: str) -> Who:
        station = {"tina": HOOD, "nina": WARD}.get(name, DESK)
        return demo.who(name, self.people, station)

    def proof(self, name: str) -> demo.Proven:
        return demo.proof(self.db, name, self.people, self.who(name).station_id)

    def order(self, recipe: str = "MFR-01", **how: object) -> int:
        """A verified order for a recipe; the number of its version."""
        return demo.verified_order(self.db, self.people, self.stated(recipe, **how))

    def stated(self, recipe: str = "MFR-01", **how: object) -> demo.StatedOrder:
        drugs, base = ORDERS[recipe]
        return demo.order(self.db, drugs, base, **how)  # type: ignore[arg-type]

    def dose(self, version_id: int) -> int:
        from app.orders.queries import doses_of

        with self.db.read() as session:
            return doses_of(session, version_id)[0].id

    def claim(self, dose_id: int, tray: str = "TRAY-01", by: str = "tina") -> int:
        with self.db.write(self.who(by)) as tx:
            return hood_actions.claim(tx, dose_id, tray, HOUSE)

    def scan(self, work_id: int, text: str, by: str = "tina") -> None:
        with self.db.write(self.who(by)) as tx:
            scan_actions.scan(tx, work_id, text, HOUSE)

    def weigh(self, work_id: int, step: str, grams: str, *, insist: bool = False, epoch: int = 1, n: int = 5) -> None:
        lines = [f"{(i + 1 - n) * 0.3:.3f} {epoch} {i + 1} S S {grams:>10} g\n" for i in range(n)]
        weight = Weight(Decimal(grams), n, BALANCE, epoch, "mt-sics", "".join(lines).encode())
        with self.db.write(self.who("tina")) as tx:
            hood_actions.weigh(tx, work_id, step, weight, HOUSE, insist=insist)

    def confirm(self, work_id: int, step: str) -> None:
        with self.db.write(self.who("tina")) as tx:
            hood_actions.confirm(tx, work_id, step, HOUSE)

    def photograph(self, work_id: int) -> None:
        with self.db.write(self.who("tina")) as tx:
            hood_actions.photograph(tx, work_id, PICTURE)

    def finish(self, work_id: int, by: str = "tina") -> None:
        with self.db.write(self.who(by)) as tx:
            check_actions.finish(tx, work_id, self.proof(by))

    def release(self, work_id: int, by: str = "pablo") -> None:
        from compounding.review import shown_sha256

        shown = shown_sha256(self.at(work_id))
        with self.db.write(self.who(by)) as tx:
            check_actions.release(tx, work_id, self.proof(by), shown)

    def at(self, work_id: int) -> Opened:
        with self.db.read() as session:
            return opened(session, work_id)

    def step(self, work_id: int, masses: Mapping[str, str] | None = None) -> bool:
        """Do what the hood waits for, rightly; False when only the signature is missing."""
        at = self.at(work_id)
        match at.where.current:
            case None:
                return False
            case Scan(slot=slot):
                key = KEYS[at.sheet.recipe.code].get(slot, slot)
                self.serials[key] = self.serials.get(key, 0) + 1
                self.scan(work_id, demo.barcode(key, serial=f"S{work_id}{self.serials[key]}"))
            case Weigh(key=key):
                self.weigh(work_id, key, (masses or MASSES[at.sheet.recipe.code])[key])
            case Inspect(key=key):
                self.confirm(work_id, key)
            case Pair():
                self.scan(work_id, at.where.done["label"].facts.serial)  # type: ignore[union-attr]
                self.scan(work_id, at.preparation.tray)
            case Shot():
                self.photograph(work_id)
            case Label():
                raise AssertionError("the label is made by the product, never waited for")
        return True

    def until(self, work_id: int, stop: type | str) -> None:
        """Lead a preparation until the step that waits is of a kind, or has a key."""
        for _ in range(40):
            current = self.at(work_id).where.current
            if current is None or current.key == stop or (isinstance(stop, type) and isinstance(current, stop)):
                return
            self.step(work_id)

    def made(self, recipe: str = "MFR-01", tray: str = "TRAY-01", **how: object) -> int:
        """A dose of a recipe led to its signature; the number of the preparation."""
        work_id = self.claim(self.dose(self.order(recipe, **how)), tray)
        while self.step(work_id):
            pass
        return work_id


ORDERS = {
    "MFR-01": (demo.VANCOMYCIN, demo.SALINE_250),
    "MFR-27": ({"vancomycin": ("750", "mg")}, demo.SALINE_250),
    "MFR-06": ({"potassium-chloride": ("40", "mEq")}, demo.SALINE_1000),
    "MFR-28": ({"potassium-chloride": ("20", "mEq"), "magnesium-sulfate": ("2", "g")}, demo.SALINE_1000),
}
KEYS = {
    "MFR-01": {},
    "MFR-27": {},
    "MFR-06": {"vial": "potassium", "bag": "litre"},
    "MFR-28": {"bag": "litre"},
}
MASSES = {
    "MFR-01": {"bag-before": "276.40", "bag-after": "297.37"},
    "MFR-27": {"vial-dry": "33.10", "vial-mixed": "53.06", "vial-drawn": "37.40"},
    "MFR-06": {"syringe-empty": "9.81", "syringe-full": "31.62"},
    "MFR-28": {"first-empty": "9.81", "first-full": "20.70", "second-empty": "6.40", "second-full": "11.30"},
}


def hospital(db: Db) -> Hospital:
    """Seed the pretend hospital into an empty database."""
    devices = demo.Devices("socket://127.0.0.1:1", BALANCE)
    return Hospital(db, demo.seed(db, devices))


TOMORROW = date(2026, 11, 23)
