"""A labelled drawer as it travels, and where its patient lies."""

from dataclasses import dataclass
from datetime import datetime

from app.core.workflow import State
from app.custody.whereabouts import Fact, Whereabouts, of_the_bag
from app.orders.facts import OldLabel


@dataclass(frozen=True, slots=True)
class Lies:
    """Where a patient lies now."""

    unit_id: int
    unit: str
    unit_name: str
    bed: str
    zone: str

    @property
    def place(self) -> str:
        return f"{self.unit}-{self.bed}" if self.bed else self.unit


@dataclass(frozen=True, slots=True)
class DrawerParcel:
    """One drawer that has a label: whose, of which fill, and everything that was done to it.

    `serials` are all its labels, `serial` the one that counts (None: it is void). `patient_id` is the patient of its
    orders, also after a merge of record numbers; `old_label` says that its label names them as they were before.
    """

    work_id: int
    serial: str | None
    serials: tuple[str, ...]
    fill_id: int
    kind: str
    cart_id: int
    cart: str
    start_at: datetime
    end_at: datetime
    zone: str
    number: int
    sequence: int
    state: State
    patient_id: int
    old_label: OldLabel | None
    facts: tuple[Fact, ...]

    @property
    def where(self) -> Whereabouts:
        return of_the_bag(self.facts)

    @property
    def called(self) -> str:
        bag = f", bag {self.sequence}" if self.sequence > 1 else ""
        return f"first doses{bag}" if self.kind == "first dose" else f"drawer {self.number}{bag}"
