"""A recipe (master formulation record) as values. A second drug is a second document, never a second code path.

Content: USP <797> master formulation record elements, and the acts that prove each draw (`PROOFS`).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from app.core.quantity import Quantity
from compounding.beyond_use import Category, Process, Storage

FORMAT = 1
PROOFS = ("bag-gain", "vial-loss", "syringe")
CONTAINERS = ("powder vial", "liquid vial", "bag", "bottle")
RECORD_TEXTS = (
    "dosage_form",
    "equipment",
    "physical_description",
    "quality_control",
    "sterilization",
    "stability_reference",
)

Sense = Literal["gain", "loss"]


@dataclass(frozen=True)
class Slot:
    """One container that the recipe needs. `content` is the drug in it, `volume` the liquid in it as supplied."""

    key: str
    drug: str
    role: str
    container: str
    content: Quantity | None
    volume: Quantity | None


@dataclass(frozen=True)
class Scan:
    """Scan the container for a slot."""

    key: str
    slot: str


@dataclass(frozen=True)
class Reconstitute:
    """Add `volume` of the vehicle to the powder in `slot`."""

    key: str
    slot: str
    vehicle: str
    volume: Quantity
    say: str


@dataclass(frozen=True)
class Draw:
    """Draw from a slot: everything in it, or the ordered dose. `syringe` is the size to take."""

    key: str
    slot: str
    amount: str
    syringe: Quantity


@dataclass(frozen=True)
class Inject:
    """Inject what was drawn into the base."""

    key: str
    draw: str
    into: str


@dataclass(frozen=True)
class Mix:
    """Mix as the recipe says."""

    key: str
    say: str


@dataclass(frozen=True)
class Judged:
    """What a weighing decides: the volume of a draw or of a reconstitution, as a gain or loss since `since`."""

    act: str
    since: str
    sense: Sense


@dataclass(frozen=True)
class Weigh:
    """Put an object on the pan. Both weighings of a difference name the same object in the same state."""

    key: str
    object: str
    state: str
    judges: Judged | None


@dataclass(frozen=True)
class Inspect:
    """Look at the bag and say that it is as described."""

    key: str
    say: str


Step = Scan | Reconstitute | Draw | Inject | Mix | Weigh | Inspect


@dataclass(frozen=True)
class Served:
    """One additive of the orders that a recipe serves, with the doses it is made for (both ends included)."""

    drug: str
    least: Quantity
    most: Quantity


@dataclass(frozen=True)
class Dating:
    """What governs the beyond-use date (USP <797>), and how long the product is stable in its storage."""

    category: Category
    process: Process
    sterile_start: bool
    tested: bool
    storage: Storage
    stability_hours: Decimal
    source: str


@dataclass(frozen=True)
class Recipe:
    """One version of a master formulation record."""

    code: str
    version: int
    name: str
    additives: tuple[Served, ...]
    base: str
    base_volume: Quantity
    routes: tuple[str, ...]
    slots: tuple[Slot, ...]
    steps: tuple[Step, ...]
    proof: str
    tolerance_percent: Decimal
    hard_limit_percent: Decimal
    dating: Dating
    label_storage: str
    label_texts: tuple[str, ...]
    high_alert: bool
    record: dict[str, str]
    text: str

    def slot(self, key: str) -> Slot:
        return next(slot for slot in self.slots if slot.key == key)

    def step(self, key: str) -> Step:
        return next(step for step in self.steps if step.key == key)

    def judge_of(self, act: str) -> Weigh | None:
        """The weighing that decides about a draw or a reconstitution."""
        return next((s for s in self.steps if isinstance(s, Weigh) and s.judges and s.judges.act == act), None)
