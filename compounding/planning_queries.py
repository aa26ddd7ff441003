"""Planning a dose: the one recipe that serves its order, the packages in use, the hood; frozen as a worksheet."""

from datetime import date
from functools import lru_cache
from typing import get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Invalid, Refused
from app.core.wording import tall_man
from app.formulary.product import ApprovedDensity, PackageInUse
from app.formulary.queries import drug_by_code, packages_in_use
from app.orders.facts import OrderFacts
from app.stations.models import Station
from compounding.amounts import planned_vials, target_of
from compounding.beyond_use import Category, category_allowed, refuse_uncertified
from compounding.gravimetry import feasible, planned_uncertainty, tolerance
from compounding.models import Recipe as RecipeRow
from compounding.recipe import Draw, Recipe, Slot
from compounding.recipe_document import read_recipe
from compounding.syringe import graduation
from compounding.worksheet import Balance, Candidate, Density, Worksheet, density_for, fits, missing_facts

PLANNED_READINGS = 3


def approved_recipes(session: Session) -> list[tuple[int, Recipe]]:
    """Every approved recipe version in force, newest version first."""
    query = (
        select(RecipeRow)
        .where(RecipeRow.approved_at.is_not(None), RecipeRow.ended_at.is_(None))
        .order_by(RecipeRow.code, RecipeRow.version.desc())
    )
    return [(row.id, _read(row.text)) for row in session.scalars(query)]


@lru_cache(maxsize=256)
def _read(text: str) -> Recipe:
    """A signed document never changes, so it is read once."""
    return read_recipe(text)


def recipe_for(session: Session, order: OrderFacts) -> tuple[int, Recipe]:
    """The one approved recipe that serves an order. Raises Refused when there is none, or more than one."""
    found = [
        (number, recipe)
        for number, recipe in approved_recipes(session)
        if order.base and order.base_volume and fits(recipe, order.doses, order.base, order.base_volume, order.route)
    ]
    codes = {recipe.code for _, recipe in found}
    if not found:
        raise Refused(f"There is no approved recipe for {order.title}, {order.route}. Ask a pharmacist.")
    if len(codes) > 1:
        raise Refused(f"More than one recipe serves this order ({', '.join(sorted(codes))}). Ask a pharmacist.")
    return found[0]


def plan(session: Session, order: OrderFacts, hood: Station, today: date) -> tuple[int, Worksheet]:
    """Plan a dose at a hood; the recipe's number and the worksheet. Raises Refused with all that is missing."""
    recipe_id, recipe = recipe_for(session, order)
    if not (hood.balance_serial and hood.balance_readability_g):
        raise Refused(f"{hood.name} has no balance. Take this dose to a hood that has one.")
    if not hood.printer_url:
        raise Refused(f"{hood.name} has no label printer. Take this dose to a hood that has one.")
    candidates = {slot.key: _candidates(session, slot, today) for slot in recipe.slots}
    if lacking := missing_facts(recipe, candidates):
        raise Refused(f"{recipe.code} can not be made now: {'; '.join(dict.fromkeys(lacking))}. Ask a pharmacist.")
    balance = Balance(
        hood.balance_serial, hood.balance_readability_g, hood.balance_repeatability_g or hood.balance_readability_g
    )
    sheet = Worksheet(
        title=title_of(order),
        version_id=order.version_id,
        doses=order.doses,
        recipe=recipe,
        candidates=candidates,
        balance=balance,
        zone=order.zone,
        category=_category(recipe, hood, today),
        hood=hood.code,
        labels={slot.key: _named(session, slot) for slot in recipe.slots},
    )
    _refuse_what_can_not_be_weighed(sheet)
    return recipe_id, sheet


def title_of(order: OrderFacts) -> str:
    """Say an order in one line: 'vancomycin 1,000 mg in sodium chloride 0.9 % 250 mL'."""
    drugs = " + ".join(f"{tall_man(order.names[code])} {dose}" for code, dose in order.doses.items())
    return f"{drugs} in {order.base_name} {order.base_volume}" if order.base else drugs


def _named(session: Session, slot: Slot) -> str:
    drug = drug_by_code(session, slot.drug)
    name = tall_man(drug.name) if drug else slot.drug
    size = slot.content or slot.volume
    return f"{name} {size} {slot.container}" if size else f"{name} {slot.container}"


def _category(recipe: Recipe, hood: Station, today: date) -> Category:
    """The category that this hood's and room's certificates carry today, never above the recipe's.

    A room out of certification makes it Category 1; a hood out of certification makes nothing but immediate use,
    which a recipe must be written for. Raises Refused.
    """
    ends = (hood.hood_certified_until, hood.room_certified_until)
    allowed = category_allowed(*ends, today)
    wanted: Category = recipe.dating.category
    if allowed == "immediate":
        refuse_uncertified(wanted, *ends, today)
    return min(wanted, allowed, key=get_args(Category).index)


def _candidates(session: Session, slot: Slot, today: date) -> tuple[Candidate, ...]:
    drug = drug_by_code(session, slot.drug)
    if drug is None:
        return ()
    return tuple(
        _candidate(package)
        for package in packages_in_use(session, drug.drug_id, today)
        if fills(package, slot)
    )


def fills(package: PackageInUse, slot: Slot) -> bool:
    """Tell whether a package of the slot's drug is the container that the slot wants, in the size that it wants."""
    if package.container != slot.container:
        return False
    if slot.content is not None and package.content != slot.content:
        return False
    return slot.volume is None or package.volume_ml == slot.volume.to("mL").value


def _candidate(package: PackageInUse) -> Candidate:
    densities = {
        state: Density(found.g_per_ml, found.u_g_per_ml, found.source)
        for state, found in (("as supplied", package.as_supplied), ("reconstituted", package.reconstituted))
        if isinstance(found, ApprovedDensity)
    }
    powder = package.displacement
    return Candidate(
        package_id=package.package_id,
        product_id=package.product_id,
        ndc=package.ndc,
        name=package.sized,
        content=package.content,
        volume_ml=package.volume_ml,
        displacement_ml=powder.ml if powder else None,
        displacement_u_ml=powder.u_ml if powder else None,
        displacement_source=powder.source if powder else None,
        densities=densities,
        gross_min_g=package.gross_min_g,
        gross_max_g=package.gross_max_g,
    )


def _refuse_what_can_not_be_weighed(sheet: Worksheet) -> None:
    """Refuse a plan whose balance is too coarse for a draw: U at the target must be at most a quarter of T."""
    first = {slot: found[0] for slot, found in sheet.candidates.items() if found}
    for step in sheet.recipe.steps:
        if not isinstance(step, Draw):
            continue
        planned = target_of(sheet, step, first, planned_vials(sheet, first))
        if planned is None:
            continue
        target = planned[1]
        density = density_for(sheet.recipe, step, first)
        u = planned_uncertainty(
            target,
            density.g_per_ml,
            density.u,
            sheet.balance.readability_g,
            sheet.balance.repeatability_g,
            PLANNED_READINGS,
        )
        size = step.syringe.to("mL").value
        try:
            allowed = tolerance(
                target, sheet.recipe.tolerance_percent, graduation(size), sheet.recipe.hard_limit_percent
            )
        except Invalid as invalid:
            raise Refused(str(invalid)) from None
        feasible(target, u, allowed)
