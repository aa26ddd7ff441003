"""One preparation, read and folded, as a value: what every act, page and review starts from."""

from dataclasses import dataclass
from datetime import datetime

from app.core.workflow import State
from app.orders.facts import OldLabel, OrderFacts
from compounding.procedure import Standing
from compounding.records import Record
from compounding.worksheet import Worksheet


@dataclass(frozen=True)
class Item:
    """The work item of a preparation: its number, state, who holds it and at which station."""

    id: int
    dose_id: int
    state: State
    version: int
    holder_id: int | None
    station_id: int | None


@dataclass(frozen=True)
class Prepared:
    """What was frozen when the dose was claimed: order version, recipe, tray, the worksheet's hash."""

    version_id: int
    recipe_id: int
    tray: str
    worksheet_sha256: str


@dataclass(frozen=True)
class Opened:
    """A preparation with its worksheet, records, where it stands, its order as it is now and its due time (UTC).

    `old_label`: its label shows a number or a name that the patient has no more; None without a label.
    """

    item: Item
    preparation: Prepared
    sheet: Worksheet
    records: tuple[Record, ...]
    where: Standing
    order: OrderFacts
    due_at: datetime
    old_label: OldLabel | None = None

    @property
    def state(self) -> State:
        return self.item.state
