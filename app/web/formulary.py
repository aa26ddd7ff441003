"""The formulary at the desk: what is used, a scanned package taken into use, densities and their second person."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from app.core.errors import Invalid, Missing
from app.core.permissions import May, allowed
from app.core.wording import number, time_zone
from app.formulary import actions
from app.formulary.barcode import WORDS, read_barcode
from app.formulary.desk_queries import PackageCard, ProductCard, in_use_and_lacking, package_card, product_card
from app.formulary.models import CONTAINERS, DENSITY_STATES
from app.formulary.ndc import SCHEDULES, read_package_ndc
from app.formulary.product import Ambiguous, PackageInUse
from app.formulary.queries import drugs, find_package, search, waiting_densities
from app.formulary.unit_dose_queries import unit_doses_by_package
from app.identity.queries import names as people_names
from app.web.forms import Post, Reason
from app.web.formulary_forms import DensityForm, DrugForm, ProductForm, UseForm, read_density, read_use
from app.web.pages import render
from app.web.session import Visitor, may, see_other

router = APIRouter(prefix="/formulary")
Reader = Annotated[Visitor, Depends(may(May.SEE_ORDERS))]
Keeper = Annotated[Visitor, Depends(may(May.KEEP_FORMULARY))]
DensityAuthor = Annotated[Visitor, Depends(may(May.ENTER_DENSITY))]
DensityApprover = Annotated[Visitor, Depends(may(May.APPROVE_DENSITY))]

HERE = "/formulary"
KINDS = (("drug", "a drug"), ("diluent", "a diluent or base"))


@router.get("")
def formulary_page(request: Request, visit: Reader, words: str = "", scan: str = "", gtin: str = "") -> Response:
    """What is in use and what it lacks, densities that wait, and the way from a scanned code to its product."""
    said = ""
    if scan:
        product_id, gtin, said = _scanned(visit, scan[:400])
        if product_id is not None:
            return see_other(f"{HERE}/products/{product_id}" + (f"?gtin={gtin}" if gtin else ""))
    return _draw(request, visit, words[:100], _digits(gtin), said)


def _scanned(visit: Visitor, scan: str) -> tuple[int | None, str, str]:
    """What a scan leads to: the product; the GTIN that is to be bound; and why it leads nowhere yet."""
    code = read_barcode(scan, today=_today(visit))
    if code.error:
        return None, "", WORDS[code.error]
    if not code.gtin14:
        return None, "", "This is not the code of a product. Scan the code on the package."
    with visit.parts.db.read() as session:
        found = find_package(session, code)
        if isinstance(found, Ambiguous):
            return None, code.gtin14, found.why
        if found is None:
            why = f"No package here carries the code {code.gtin14}. Find its product by name or NDC."
            return None, code.gtin14, why
        bound = package_card(session, found.package_id, _today(visit)).gtin14
    return found.product_id, "" if bound == code.gtin14 else code.gtin14, ""


def _draw(
    request: Request, visit: Visitor, words: str, gtin: str, said: str = "",
    errors: Mapping[str, str] | None = None, given: Mapping[str, str] | None = None, adding: str = "",
) -> Response:  # fmt: skip
    assert visit.who is not None
    with visit.parts.db.read() as session:
        used = in_use_and_lacking(session, _today(visit))
        waiting = waiting_densities(session)
        found = search(session, words) if words.strip() else ()
        by = people_names(session, {each.entered_by for each in waiting})
    return render(
        request, visit, "formulary/formulary.html", "Formulary", topics=["formulary"], current=HERE,
        status=422 if errors else 200, used=used, waiting=waiting, found=found, by=by, words=words, gtin=gtin,
        said=said, errors=errors or {}, given=given or {}, adding=adding, kinds=KINDS, keeps=_keeps(visit),
        schedules=SCHEDULES, approves=allowed(visit.who.roles, May.APPROVE_DENSITY),
    )  # fmt: skip


@router.get("/products/{product_id:int}")
def product_page(request: Request, visit: Reader, product_id: int, gtin: str = "") -> Response:
    """One product: its packages and whether they are used, its densities and who stands for them."""
    return _product(request, visit, product_id, gtin=_digits(gtin))


def _product(
    request: Request, visit: Visitor, product_id: int, errors: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None, gtin: str = "",
) -> Response:  # fmt: skip
    assert visit.who is not None
    with visit.parts.db.read() as session:
        one = product_card(session, product_id, _today(visit))
        given_out = unit_doses_by_package(session, [each.package_id for each in one.packages])
        people = {n for each in one.densities for n in (each.entered_by, each.approved_by) if n is not None}
        by = people_names(session, people)
    return render(
        request, visit, "formulary/product.html", one.name, topics=["formulary"], current=HERE,
        status=422 if errors else 200, one=one, by=by, gtin=gtin, errors=errors or {}, given=given or {},
        given_out=given_out, chooses=allowed(visit.who.roles, May.CHOOSE_PRODUCT),
        states=[(each, each) for each in DENSITY_STATES], keeps=_keeps(visit),
        enters=allowed(visit.who.roles, May.ENTER_DENSITY), approves=allowed(visit.who.roles, May.APPROVE_DENSITY),
    )  # fmt: skip


@router.get("/products/{product_id:int}/use")
def use_page(
    request: Request, visit: Keeper, product_id: int, package: int | None = None, ndc: str = "", gtin: str = ""
) -> Response:
    """Where a package is taken into use, or what is known of it is corrected."""
    given = {"package": str(package or ""), "ndc": ndc.strip()[:20], "gtin": _digits(gtin)}
    with visit.parts.db.read() as session:
        one = product_card(session, product_id, _today(visit))
    try:
        card = package_meant(one, given["package"], given["ndc"])
    except Invalid as wrong:
        return _product(request, visit, product_id, wrong.fields, given, given["gtin"])
    if card is not None:
        given |= {"package": str(card.package_id), "ndc": card.ndc, "gtin": given["gtin"] or card.gtin14 or ""}
        given |= _known(card)
    return _use(request, visit, product_id, given)


def package_meant(one: ProductCard, package: str, ndc: str) -> PackageCard | None:
    """The package of this product that is meant, by its number or NDC; None: a new one. Raises Missing and Invalid."""
    if package:
        found = next((each for each in one.packages if str(each.package_id) == package), None)
        if found is None:
            raise Missing("This package belongs to another product. Open it from its own product's page.")
        return found
    code = read_package_ndc(ndc)
    if code.product_ndc != one.ndc:
        why = f"{code.text} is no package of {one.name} ({one.ndc}). Read it again from the container."
        raise Invalid({"ndc": why})
    return next((each for each in one.packages if each.ndc == code.text), None)


def _known(card: PackageCard) -> dict[str, str]:
    """What is known of a package in use, as the form's fields."""
    used: PackageInUse | None = card.used
    if used is None:
        return {}
    known: dict[str, str] = {"drug": str(used.drug.drug_id), "container": used.container}
    numbers = {"volume_ml": used.volume_ml, "gross_min_g": used.gross_min_g, "gross_max_g": used.gross_max_g}
    if used.content is not None:
        numbers["content"], known["unit"] = used.content.value, used.content.unit
    if used.displacement is not None:
        numbers |= {"displacement_ml": used.displacement.ml, "displacement_u_ml": used.displacement.u_ml}
        known["displacement_source"] = used.displacement.source
    return known | {name: number(value) for name, value in numbers.items() if value is not None}


def _use(
    request: Request, visit: Visitor, product_id: int, given: Mapping[str, str], errors: Mapping[str, str] | None = None
) -> Response:
    with visit.parts.db.read() as session:
        one = product_card(session, product_id, _today(visit))
        known = [(str(each.drug_id), each.name) for each in drugs(session)]
    if one.drug is not None:
        known = [(str(one.drug.drug_id), one.drug.name)]
    package = next((each for each in one.packages if str(each.package_id) == given.get("package")), None)
    return render(
        request, visit, "formulary/use.html", f"Take {one.name} into use", current=HERE, status=422 if errors else 200,
        one=one, package=package, given=dict(given), errors=errors or {}, drugs=known,
        containers=[(each, each) for each in CONTAINERS],
    )  # fmt: skip


@router.post("/products/{product_id:int}/use")
def use(request: Request, visit: Keeper, product_id: int, form: Annotated[UseForm, Form()]) -> Response:
    """Let the pharmacy use a package, or correct what is known of it."""
    assert visit.who is not None
    here = f"{HERE}/products/{product_id}"
    try:
        with visit.parts.db.read() as session:
            package_meant(product_card(session, product_id, _today(visit)), form.package, form.ndc)
        facts = read_use(form)
        with visit.parts.db.write(visit.who, form.key(request), here) as tx:
            actions.take_into_use(tx, **facts)
    except Invalid as wrong:
        return _use(request, visit, product_id, form.model_dump(exclude={"once"}), wrong.fields)
    return see_other(here)


@router.post("/products/{product_id:int}/density")
def enter_density(
    request: Request, visit: DensityAuthor, product_id: int, form: Annotated[DensityForm, Form()]
) -> Response:
    """Enter a density with its uncertainty and source; it judges nothing until another person approves it."""
    assert visit.who is not None
    here = f"{HERE}/products/{product_id}"
    try:
        rho, u, ends_on = read_density(form)
        with visit.parts.db.write(visit.who, form.key(request), here) as tx:
            actions.enter_density(tx, product_id, form.state, rho, u, form.source, ends_on)
    except Invalid as faults:
        return _product(request, visit, product_id, faults.fields, form.model_dump(exclude={"once"}))
    return see_other(here)


@router.post("/densities/{density_id:int}/approve")
def approve_density(request: Request, visit: DensityApprover, density_id: int, form: Post) -> Response:
    """Stand for a density that somebody else entered."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
        actions.approve_density(tx, density_id)
    return see_other(HERE)


@router.post("/densities/{density_id:int}/withdraw")
def withdraw_density(request: Request, visit: DensityAuthor, density_id: int, form: Reason) -> Response:
    """Take a density that waits away, with the reason."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
        actions.withdraw_density(tx, density_id, form.why)
    return see_other(HERE)


@router.post("/drugs")
def add_drug(request: Request, visit: Keeper, form: Annotated[DrugForm, Form()]) -> Response:
    """Add an ingredient as orders and recipes name it."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            actions.add_drug(tx, form.code, form.name, form.kind, high_alert=form.high_alert == "yes")
    except Invalid as wrong:
        return _draw(request, visit, "", "", "", wrong.fields, form.model_dump(exclude={"once"}), "drug")
    return see_other(HERE)


@router.post("/products")
def add_product(request: Request, visit: Keeper, form: Annotated[ProductForm, Form()]) -> Response:
    """Enter a product that no imported directory lists, with the package in the hand."""
    assert visit.who is not None
    words = form.model_dump(include={"name", "nonproprietary", "labeler", "form", "route", "strength", "schedule"})
    missing = [name for name in ("name", "labeler", "form", "strength") if not words[name]]
    try:
        wrong = {name: "Enter it as it stands on the package." for name in missing}
        if form.schedule and form.schedule not in SCHEDULES:
            wrong["schedule"] = "Choose its schedule from the list, or leave it empty."
        if wrong:
            raise Invalid(wrong)
        with visit.parts.db.write(visit.who, form.key(request)) as tx:
            ndc = read_package_ndc(form.ndc)
            packages = {ndc.text: form.description or "entered here"}
            product_id = actions.add_product(tx, ndc.product_ndc, **words, packages=packages)
            tx.location = f"{HERE}/products/{product_id}"
    except Invalid as faults:
        return _draw(request, visit, "", "", "", faults.fields, form.model_dump(exclude={"once"}), "product")
    return see_other(f"{HERE}/products/{product_id}")


def _digits(gtin: str) -> str:
    return gtin if len(gtin) == 14 and gtin.isascii() and gtin.isdigit() else ""


def _keeps(visit: Visitor) -> bool:
    return visit.who is not None and allowed(visit.who.roles, May.KEEP_FORMULARY)


def _today(visit: Visitor) -> date:
    return visit.parts.clock().astimezone(time_zone(visit.parts.settings.zone)).date()
