"""Unit doses of the formulary: what the cart room gives out, and a package taken into use as one."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.core.permissions import May, allowed
from app.core.quantity import parse_unit
from app.core.wording import number, time_zone
from app.formulary.desk_queries import ProductCard, product_card
from app.formulary.models import STORED, UNIT_DOSE_FORMS
from app.formulary.queries import drugs
from app.formulary.unit_dose import LIQUIDS, UnitDoseFacts
from app.formulary.unit_dose_actions import use_as_unit_dose
from app.formulary.unit_dose_queries import unit_dose, unit_doses
from app.inventory.location_queries import lying_at
from app.web.forms import errors_of, status_of
from app.web.formulary import package_meant
from app.web.formulary_forms import UnitDoseForm, read_unit_dose
from app.web.pages import render
from app.web.session import Visitor, may, see_other

router = APIRouter(prefix="/formulary")
Reader = Annotated[Visitor, Depends(may(May.SEE_ORDERS))]
Chooser = Annotated[Visitor, Depends(may(May.CHOOSE_PRODUCT))]

LIST = "/formulary/unit-doses"
KEPT = {"room": "At room temperature", "refrigerator": "In the refrigerator"}
_SOLID = re.compile(r"(\d[\d,]*(?:\.\d+)?) ?([A-Za-z]+)/1", re.ASCII)


@router.get("/unit-doses")
def list_page(request: Request, visit: Reader, name: str = "") -> Response:
    """Every package that the cart room gives out, how it is handled, and where it lies."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        found = [each for mine in unit_doses(session).values() for each in mine]
        lying = lying_at(session)
    shown = [each for each in found if name.strip().casefold() in f"{each.name} {each.ndc}".casefold()]
    return render(
        request, visit, "formulary/unit_doses.html", "Unit doses", topics=["formulary", "stock"], current=LIST,
        found=sorted(shown, key=lambda each: (each.name.casefold(), each.shown)), every=len(found), name=name,
        lying={each.package_id: [at for at in lying if at.package_id == each.package_id] for each in shown},
        chooses=allowed(visit.who.roles, May.CHOOSE_PRODUCT), called={each.package_id: each.shown for each in found},
    )  # fmt: skip


@router.get("/products/{product_id:int}/unit-dose")
def use_page(request: Request, visit: Chooser, product_id: int, package: int | None = None, ndc: str = "") -> Response:
    """Where a package is taken into use as a unit dose, or what is known of it is corrected."""
    with visit.parts.db.read() as session:
        one = product_card(session, product_id, _today(visit))
        card = package_meant(one, str(package or ""), ndc.strip()[:20])
        known = unit_dose(session, card.package_id) if card else None
    given = _given(known) if known else _guessed(one)
    return _form(request, visit, one, {"package": str(card.package_id if card else ""), "ndc": ndc, **given}, None)


def _given(known: UnitDoseFacts) -> dict[str, str]:
    """What is known of a unit dose, as the form's fields."""
    given = {
        "drug": str(known.drug_id), "form": known.form, "content": number(known.content.value),
        "unit": known.content.unit, "stored": known.stored, "half_of": str(known.half_of_id or ""),
    }  # fmt: skip
    for name in ("volume_ml", "uses"):
        value: Decimal | None = getattr(known, name)
        given[name] = number(value) if value is not None else ""
    given["in_use_days"] = str(known.in_use_days or "")
    ticks = {
        "splits": known.step != 1, "hazardous": known.hazardous, "oversize": known.oversize, "by_tube": known.by_tube
    }  # fmt: skip
    return given | {name: "yes" if value else "" for name, value in ticks.items()}


def _guessed(one: ProductCard) -> dict[str, str]:
    """What the maker's words suggest of a package that is not used yet; a person looks at it before it counts."""
    said = one.form.casefold()
    form = next((each for each in UNIT_DOSE_FORMS if each in said and each != "half tablet"), "")
    given = {"form": form, "stored": "room", "by_tube": "yes", "drug": str(one.drug.drug_id) if one.drug else ""}
    if form not in LIQUIDS and (strength := _SOLID.fullmatch(one.strength)):
        with suppress(Invalid):
            given |= {"content": strength[1], "unit": parse_unit(strength[2])}
    return given


def _form(
    request: Request, visit: Visitor, one: ProductCard, given: Mapping[str, str], wrong: Refused | Invalid | None
) -> Response:
    card = next((each for each in one.packages if str(each.package_id) == given["package"]), None)
    with visit.parts.db.read() as session:
        known = unit_dose(session, card.package_id) if card else None
        called = [(str(each.drug_id), each.name) for each in drugs(session)]
        split = [each for mine in unit_doses(session).values() for each in mine if each.step != 1]
    if one.drug is not None:
        called = [(str(one.drug.drug_id), one.drug.name)]
        split = [each for each in split if each.drug_id == one.drug.drug_id]
    return render(
        request, visit, "formulary/unit_dose.html", one.name, current=LIST, status=status_of(wrong), one=one,
        package=card, given=dict(given), errors=errors_of(wrong), known=known, drugs=called, shapes=UNIT_DOSE_FORMS,
        kept=[(each, KEPT[each]) for each in STORED],
        split=[(str(each.package_id), each.shown) for each in split if not card or each.package_id != card.package_id],
    )  # fmt: skip


@router.post("/products/{product_id:int}/unit-dose")
def use(request: Request, visit: Chooser, product_id: int, form: Annotated[UnitDoseForm, Form()]) -> Response:
    """Let the cart room give a package out, or correct what is known of it."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        one = product_card(session, product_id, _today(visit))
    try:
        card = package_meant(one, form.package, form.ndc)
        drug_id, stated = read_unit_dose(form)
        with visit.parts.db.write(visit.who, form.key(request), LIST) as tx:
            use_as_unit_dose(tx, card.package_id if card else form.ndc, drug_id, stated)
    except (Refused, Invalid) as wrong:
        return _form(request, visit, one, form.model_dump(exclude={"once"}), wrong)
    return see_other(LIST)


def _today(visit: Visitor) -> date:
    return visit.parts.clock().astimezone(time_zone(visit.parts.settings.zone)).date()
