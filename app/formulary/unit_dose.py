"""A package that the cart room gives out as single doses, as a frozen value, and what is plausible to know of it."""

from dataclasses import dataclass
from decimal import Decimal

from app.core.quantity import Quantity
from app.core.wording import tall_man

LIQUIDS = frozenset({"cup", "oral syringe", "bottle", "vial", "syringe"})
COUNTED_AS = {
    "half tablet": "tablet", "oral syringe": "syringe", "cup": "dose", "inhaler": "puff", "nasal spray": "spray",
    "pen": "dose", "drops": "drop", "cream": "application",
}  # fmt: skip
"""What an order that counts ('1 tablet', '2 puffs') counts of a form, where it is not the form itself."""


@dataclass(frozen=True, slots=True)
class UnitDoseFacts:
    """One unit-dose package: the `content` of the drug in one of it, its form, and how it must be handled.

    `step` 0.5 lets a tablet be split; `half_of_id` names the package whose half this is; `uses` administrations are in
    a container that holds many. `schedule` is the DEA schedule ('CII'), '' for none.
    """

    package_id: int
    product_id: int
    drug_id: int
    name: str
    form: str
    content: Quantity
    volume_ml: Decimal | None = None
    step: Decimal = Decimal(1)
    half_of_id: int | None = None
    uses: Decimal | None = None
    in_use_days: int | None = None
    stored: str = "room"
    hazardous: bool = False
    oversize: bool = False
    by_tube: bool = True
    schedule: str = ""
    ndc: str = ""
    high_alert: bool = False

    @property
    def shown(self) -> str:
        """Its name as a pick list says it: 'metFORMIN 500 mg tablet', 'acetaminophen 160 mg (5 mL) cup'."""
        volume = f" ({Quantity(self.volume_ml, 'mL')})" if self.volume_ml is not None else ""
        return f"{tall_man(self.name)} {self.content}{volume} {self.form}"

    @property
    def counted_as(self) -> str:
        """The unit by which an order counts it."""
        return COUNTED_AS.get(self.form, self.form)


def unit_dose_faults(facts: UnitDoseFacts) -> dict[str, str]:
    """Say, field by field, what cannot be true of a unit-dose package; empty when all can be."""
    wrong: dict[str, str] = {}
    if facts.content.value <= 0:
        wrong["content"] = "Enter how much of the drug is in one package: without its strength no dose can be counted."
    if facts.volume_ml is not None and facts.form not in LIQUIDS:
        wrong["volume_ml"] = f"A {facts.form} has no volume: leave it empty."
    if facts.step != 1 and facts.form != "tablet":
        wrong["splits"] = f"Only a scored tablet may be split, not a {facts.form}."
    if (facts.half_of_id is not None) != (facts.form == "half tablet"):
        wrong["half_of"] = "A half tablet names the tablet it was split from, and nothing else does."
    if facts.in_use_days is not None and facts.uses is None:
        wrong["uses"] = "Say how many doses are in a container that is in use for days."
    return wrong
