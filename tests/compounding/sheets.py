"""Worksheets of the shipped recipes without a database."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from app import demo
from app.core.quantity import Quantity
from compounding.recipe import Slot
from compounding.recipe_document import read_recipe
from compounding.records import Scanned
from compounding.worksheet import Balance, Candidate, Density, Worksheet
from tests.hospital import KEYS, MASSES, ORDERS

__all__ = ["MASSES", "Sheet", "sheet_of"]
RECIPES = Path(demo.__file__).parent.parent / "compounding" / "recipes"


@dataclass(frozen=True)
class Sheet:
    """A worksheet and the numbers of the packages that fill its slots."""

    code: str
    sheet: Worksheet

    def scanned(
        self, slot: str, lot: str = "L1", expiry: date = date(2027, 3, 31), serial: str | None = None
    ) -> Scanned:
        found = self.sheet.candidates[slot][0]
        return Scanned(
            **{"package_id": found.package_id} if hasattr(found, "package_id") else {},
            product_id=found.product_id,
            lot=lot,
            expiry=expiry,
            serial=serial,
            how="scan",
        )


@cache
def sheet_of(code: str) -> Sheet:
    """The worksheet of a shipped recipe for the pretend hospital's order and products."""
    recipe = read_recipe((RECIPES / f"{code}.json").read_text())
    drugs, _ = ORDERS[code]
    candidates = {slot.key: (_candidate(code, slot),) for slot in recipe.slots}
    return Sheet(
        code,
        Worksheet(
            title=recipe.name,
            version_id=1,
            doses={drug: Quantity(Decimal(amount), unit) for drug, (amount, unit) in drugs.items()},
            recipe=recipe,
            candidates=candidates,
            balance=Balance("SIM-0001", Decimal("0.01"), Decimal("0.01")),
            zone=demo.ZONE,
            category="2",
            hood="hood-1",
            labels={slot.key: f"{slot.drug} {slot.container}" for slot in recipe.slots},
        ),
    )


def _candidate(code: str, slot: Slot) -> Candidate:
    number, good = next(
        (n, g) for n, g in enumerate(demo.GOODS, start=1) if g.key == KEYS[code].get(slot.key, slot.key)
    )
    extra = {"package_id": number} if "package_id" in Candidate.__dataclass_fields__ else {}
    return Candidate(
        **extra,
        product_id=number,
        ndc=good.package,
        name=good.name,
        content=good.content,
        volume_ml=good.volume_ml,
        displacement_ml=good.displacement.ml if good.displacement else None,
        displacement_u_ml=good.displacement.u_ml if good.displacement else None,
        displacement_source=good.displacement.source if good.displacement else None,
        densities={
            state: Density(Decimal(rho), Decimal(u), source)
            for state, (rho, u, source) in (good.densities or {}).items()
        },
        gross_min_g=good.gross[0],
        gross_max_g=good.gross[1],
    )
