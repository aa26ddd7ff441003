"""The worksheet: one dose's plan, frozen when it is claimed. Later edits cannot reach a bag under the hood."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from app.core.canonical import canonical
from app.core.quantity import Quantity, parse
from compounding.beyond_use import Category
from compounding.recipe import Draw, Recipe, Reconstitute, Slot
from compounding.recipe_document import read_recipe


@dataclass(frozen=True)
class Density:
    """A product's approved density in one state: g/mL, its expanded uncertainty (k = 2) and its source."""

    g_per_ml: Decimal
    u: Decimal
    source: str


@dataclass(frozen=True)
class Candidate:
    """A package (the container in the hand) that may fill a slot, with all that the arithmetic needs of it.

    `name` carries the size, because one product comes in several: 'Sodium Chloride 0.9 % 250 mL'.
    """

    package_id: int
    product_id: int
    ndc: str
    name: str
    content: Quantity | None
    volume_ml: Decimal | None
    displacement_ml: Decimal | None
    displacement_u_ml: Decimal | None
    displacement_source: str | None
    densities: Mapping[str, Density]
    gross_min_g: Decimal | None
    gross_max_g: Decimal | None


@dataclass(frozen=True)
class Balance:
    """The balance of the hood: who it is and how finely it weighs there (g, one standard deviation)."""

    serial: str
    readability_g: Decimal
    repeatability_g: Decimal


@dataclass(frozen=True)
class Worksheet:
    """One planned dose. `doses` gives each additive's ordered amount; `candidates` the packages for each slot."""

    title: str
    version_id: int
    doses: Mapping[str, Quantity]
    recipe: Recipe
    candidates: Mapping[str, tuple[Candidate, ...]]
    balance: Balance
    zone: str
    category: Category
    hood: str
    labels: Mapping[str, str]

    def candidate(self, slot: str, package_id: int) -> Candidate | None:
        """The candidate that a package is for a slot; None when this package (another size of it too) is not wanted."""
        return next((c for c in self.candidates[slot] if c.package_id == package_id), None)

    def to_text(self) -> str:
        """Write the worksheet as canonical JSON; `read_worksheet` reads it back equal."""
        return canonical(
            {
                "title": self.title,
                "version_id": self.version_id,
                "doses": {drug: _quantity(q) for drug, q in self.doses.items()},
                "recipe": json.loads(self.recipe.text),
                "candidates": {slot: [_candidate(c) for c in found] for slot, found in self.candidates.items()},
                "balance": self.balance,
                "zone": self.zone,
                "category": self.category,
                "hood": self.hood,
                "labels": dict(self.labels),
            }
        )


@lru_cache(maxsize=256)
def read_worksheet(text: str) -> Worksheet:
    """Read a worksheet back from its canonical text; the same text is read once, because it never changes."""
    d = json.loads(text)
    b = d["balance"]
    return Worksheet(
        title=d["title"],
        version_id=d["version_id"],
        doses={drug: _read_quantity(q) for drug, q in d["doses"].items()},
        recipe=read_recipe(canonical(d["recipe"])),
        candidates={slot: tuple(_read_candidate(c) for c in found) for slot, found in d["candidates"].items()},
        balance=Balance(b["serial"], Decimal(b["readability_g"]), Decimal(b["repeatability_g"])),
        zone=d["zone"],
        category=d["category"],
        hood=d["hood"],
        labels=d["labels"],
    )


def _quantity(q: Quantity | None) -> list[str] | None:
    return None if q is None else [format(q.value, "f"), q.unit]


def _read_quantity(pair: list[str]) -> Quantity:
    return Quantity(Decimal(pair[0]), pair[1])


def _candidate(c: Candidate) -> dict[str, Any]:
    return {
        "package_id": c.package_id,
        "product_id": c.product_id,
        "ndc": c.ndc,
        "name": c.name,
        "content": _quantity(c.content),
        "volume_ml": c.volume_ml,
        "displacement_ml": c.displacement_ml,
        "displacement_u_ml": c.displacement_u_ml,
        "displacement_source": c.displacement_source,
        "densities": dict(c.densities),
        "gross_min_g": c.gross_min_g,
        "gross_max_g": c.gross_max_g,
    }


def _read_candidate(d: dict[str, Any]) -> Candidate:
    def decimal(name: str) -> Decimal | None:
        return None if d[name] is None else Decimal(d[name])

    return Candidate(
        package_id=d["package_id"],
        product_id=d["product_id"],
        ndc=d["ndc"],
        name=d["name"],
        content=None if d["content"] is None else _read_quantity(d["content"]),
        volume_ml=decimal("volume_ml"),
        displacement_ml=decimal("displacement_ml"),
        displacement_u_ml=decimal("displacement_u_ml"),
        displacement_source=d["displacement_source"],
        densities={
            state: Density(Decimal(e["g_per_ml"]), Decimal(e["u"]), e["source"]) for state, e in d["densities"].items()
        },
        gross_min_g=decimal("gross_min_g"),
        gross_max_g=decimal("gross_max_g"),
    )


def fits(recipe: Recipe, doses: Mapping[str, Quantity], base: str, base_volume: Quantity, route: str) -> bool:
    """Tell whether a recipe serves an order: its very drugs, each dose in range, its base, volume and route."""
    served = {a.drug: a for a in recipe.additives}
    if served.keys() != doses.keys() or recipe.base != base or recipe.base_volume != base_volume:
        return False
    if route not in recipe.routes:
        return False
    return all(
        dose.dimension == served[drug].least.dimension and served[drug].least <= dose <= served[drug].most
        for drug, dose in doses.items()
    )


def missing_facts(recipe: Recipe, candidates: Mapping[str, tuple[Candidate, ...]]) -> list[str]:
    """Say, in words, what is not known about the products that this recipe needs; empty when it can be made."""
    found = []
    for slot in recipe.slots:
        if not candidates.get(slot.key):
            found.append(f"no package is in use for {describe(slot)}")
    for step in recipe.steps:
        if isinstance(step, (Draw, Reconstitute)) and recipe.judge_of(step.key):
            source, state = _weighed_liquid(recipe, step)
            for c in candidates.get(source, ()):
                if state not in c.densities:
                    found.append(f"{c.name} ({c.ndc}) has no approved density {state}")
        if isinstance(step, Reconstitute):
            found += [
                f"{c.name} ({c.ndc}) has no displacement volume"
                for c in candidates.get(step.slot, ())
                if c.displacement_ml is None
            ]
    return found


def _weighed_liquid(recipe: Recipe, step: Draw | Reconstitute) -> tuple[str, str]:
    """The slot and the state of the liquid whose mass an act moves."""
    if isinstance(step, Reconstitute):
        return step.vehicle, "as supplied"
    powder = recipe.slot(step.slot).container == "powder vial"
    return step.slot, "reconstituted" if powder else "as supplied"


def density_for(recipe: Recipe, step: Draw | Reconstitute, bound: Mapping[str, Candidate]) -> Density:
    """The density that turns an act's mass into a volume."""
    slot, state = _weighed_liquid(recipe, step)
    return bound[slot].densities[state]


def describe(slot: Slot) -> str:
    """Say what a slot wants: 'a powder vial of vancomycin 1,000 mg'."""
    what = f"a {slot.container} of {slot.drug}"
    if slot.content:
        what += f" {slot.content}"
    return what + (f" {slot.volume}" if slot.volume else "")


def quantity_of(text: str) -> Quantity:
    """Read '250 mL'. Raises Invalid."""
    value, _, unit = text.partition(" ")
    return parse(value, unit)
