"""Acts of courier and nurse with a cart, in one line each, and what the ledger says afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import case, func, or_, select

from app.custody import tote_actions as totes
from app.custody.tote_actions import Came, Stopped
from app.custody.whereabouts import Stage
from app.db.session import Tx
from app.inventory.models import Movement, Place
from app.orders.models import Stay
from app.orders.patient_actions import find_stay
from app.orders.stated import StatedPlace
from app.stations.models import Unit
from tests.cart_room import CartRoom
from unitdose import delivery_actions, exchange_actions, receipt_actions
from unitdose.delivery_queries import drawer_parcels
from unitdose.exchange_actions import Exchanged
from unitdose.models import Drawer
from unitdose.parcel import DrawerParcel

TOTE, DESK, WARD = "TOTE-7", "Pharmacy desk", "7 West"


@dataclass
class OnTheWay:
    """The cart room with a courier (tina) and a nurse (nina)."""

    room: CartRoom

    def act(self, by: str, act: Callable[[Tx], object]) -> object:
        with self.room.db.write(self.room.who(by)) as tx:
            return act(tx)

    def unit(self, code: str) -> int:
        with self.room.db.read() as session:
            return session.scalars(select(Unit.id).where(Unit.code == code)).one()

    def load(self, work_id: int, tote: str = TOTE, by: str = "tina") -> None:
        serial = self.room.serial(work_id)
        self.act(by, lambda tx: delivery_actions.load(tx, tote, serial, DESK))

    def load_all(self, fill_id: int, unit: str = "7W", tote: str = TOTE) -> int:
        unit_id = self.unit(unit)
        return self.act("tina", lambda tx: delivery_actions.load_all(tx, tote, fill_id, unit_id, DESK))  # type: ignore[return-value]

    def leave(self, tote: str = TOTE) -> None:
        self.act("tina", lambda tx: totes.leave(tx, tote, DESK))

    def arrive(self, unit: str = "7W", tote: str | None = TOTE) -> Came | Stopped:
        unit_id = self.unit(unit)
        return self.act("tina", lambda tx: delivery_actions.arrive(tx, unit_id, tote, DESK))  # type: ignore[return-value]

    def delivered(self, fill_id: int, unit: str = "7W") -> list[int]:
        """Every checked drawer of a fill packed, sent and arrived; the drawers."""
        self.load_all(fill_id, unit)
        self.leave()
        said = self.arrive(unit)
        assert isinstance(said, Came)
        return [each.work_id for each in self.drawers(fill_id) if each.where.stage is Stage.ARRIVED]

    def accept(self, work_id: int, by: str = "nina") -> None:
        self.act(by, lambda tx: receipt_actions.accept(tx, work_id, WARD))

    def exchange(self, unit: str = "7W") -> Exchanged:
        unit_id = self.unit(unit)
        return self.act("tina", lambda tx: exchange_actions.exchange(tx, unit_id, DESK))  # type: ignore[return-value]

    def drawers(self, fill_id: int) -> tuple[DrawerParcel, ...]:
        with self.room.db.read() as session:
            return drawer_parcels(session, Drawer.fill_id == fill_id)

    def drawer(self, work_id: int) -> DrawerParcel:
        with self.room.db.read() as session:
            return drawer_parcels(session, Drawer.work_id == work_id)[0]

    def stage(self, work_id: int) -> Stage:
        return self.drawer(work_id).where.stage

    def move(self, patient_id: int, unit: str, room: str, bed: str) -> None:
        """Move a patient to another bed, as a message does."""
        with self.room.db.write(self.room.who("pablo")) as tx:
            stay = tx.session.scalars(select(Stay).where(Stay.patient_id == patient_id)).one()
            from app.orders.models import Patient

            patient = tx.session.get_one(Patient, patient_id)
            find_stay(tx, patient, StatedPlace(stay.visit, unit, room, bed, f"{unit}^{room}^{bed}"), tx.now)

    def books(self, kind: str) -> Decimal:
        """How many packages that carts moved the ledger says are at the places of a kind."""
        with self.room.db.read() as session:
            places = select(Place.id).where(Place.kind == kind)
            moved = func.sum(
                case(
                    (Movement.to_place_id.in_(places) & Movement.from_place_id.in_(places), 0),
                    (Movement.to_place_id.in_(places), Movement.quantity),
                    else_=-Movement.quantity,
                )
            )
            here = or_(Movement.to_place_id.in_(places), Movement.from_place_id.in_(places))
            query = select(moved).where(here, Movement.cause.startswith("line "))
            return session.scalar(query) or Decimal(0)
