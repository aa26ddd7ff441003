"""What the formulary's forms post, and how it is read: every fault at its own field."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from app.core.days import read_day
from app.core.errors import Invalid
from app.core.quantity import Quantity, parse_number, parse_unit
from app.formulary.product import Displacement
from app.formulary.unit_dose_actions import UnitDoseStated
from app.web.forms import PostForm

Text = Annotated[str, Field(max_length=400)]


class UseForm(PostForm):
    package: Text = ""
    ndc: Text = ""
    gtin: Text = ""
    drug: Text = ""
    container: Text = ""
    content: Text = ""
    unit: Text = ""
    volume_ml: Text = ""
    displacement_ml: Text = ""
    displacement_u_ml: Text = ""
    displacement_source: Text = ""
    gross_min_g: Text = ""
    gross_max_g: Text = ""


class UnitDoseForm(PostForm):
    package: Text = ""
    ndc: Text = ""
    drug: Text = ""
    form: Text = ""
    content: Text = ""
    unit: Text = ""
    volume_ml: Text = ""
    splits: Text = ""
    half_of: Text = ""
    uses: Text = ""
    in_use_days: Text = ""
    stored: Text = ""
    hazardous: Text = ""
    oversize: Text = ""
    by_tube: Text = ""


class DensityForm(PostForm):
    state: Text = ""
    g_per_ml: Text = ""
    u_g_per_ml: Text = ""
    source: Text = ""
    ends_on: Text = ""


class DrugForm(PostForm):
    code: Text = ""
    name: Text = ""
    kind: Text = ""
    high_alert: Text = ""


class ProductForm(PostForm):
    ndc: Text = ""
    description: Text = ""
    name: Text = ""
    nonproprietary: Text = ""
    labeler: Text = ""
    form: Text = ""
    route: Text = ""
    strength: Text = ""
    schedule: Text = ""


def read_use(form: UseForm) -> dict[str, Any]:
    """Read what is said of a package, as `take_into_use` takes it. Raises Invalid with every fault at its field."""
    wrong: dict[str, str] = {}
    if not form.drug.isdigit():
        wrong["drug"] = "Choose the drug that this is; add it on the formulary's page if it is not in the list."
    if not form.container:
        wrong["container"] = "Choose what the container is."
    content = None
    if (amount := _decimal(form, "content", wrong)) is not None:
        try:
            content = Quantity(amount, parse_unit(form.unit))
        except Invalid as invalid:
            wrong["unit"] = " ".join(invalid.fields.values())
    volume = _decimal(form, "volume_ml", wrong)
    if volume is None and "volume_ml" not in wrong:
        wrong["volume_ml"] = "Enter the volume as supplied; 0 for a powder."
    displaced, uncertain = (_decimal(form, name, wrong) for name in ("displacement_ml", "displacement_u_ml"))
    if (displaced is None) != (uncertain is None) and not {"displacement_ml", "displacement_u_ml"} & wrong.keys():
        wrong["displacement_u_ml"] = "A displacement has an uncertainty: enter both numbers, or neither."
    bounds = [_decimal(form, name, wrong) for name in ("gross_min_g", "gross_max_g")]
    if wrong:
        raise Invalid(wrong)
    displacement = None
    if displaced is not None and uncertain is not None:
        displacement = Displacement(displaced, uncertain, form.displacement_source)
    return {
        "package": int(form.package) if form.package.isdigit() else form.ndc,
        "drug_id": int(form.drug),
        "container": form.container,
        "content": content,
        "volume_ml": volume,
        "displacement": displacement,
        "gross_min_g": bounds[0],
        "gross_max_g": bounds[1],
        "gtin": form.gtin or None,
    }


def read_unit_dose(form: UnitDoseForm) -> tuple[int, UnitDoseStated]:
    """Read of which drug a package is, and what is said of it as a unit dose. Raises Invalid by field."""
    wrong: dict[str, str] = {}
    if not form.drug.isdigit():
        wrong["drug"] = "Choose the drug that this is; add it on the formulary's page if it is not in the list."
    if not form.form:
        wrong["form"] = "Choose what the patient gets: a tablet, a cup, an inhaler."
    content = None
    amount = _decimal(form, "content", wrong)
    if amount is None and "content" not in wrong:
        wrong["content"] = "Enter how much of the drug is in one package: without its strength no dose can be counted."
    try:
        unit = parse_unit(form.unit)
        content = None if amount is None else Quantity(amount, unit)
    except Invalid as invalid:
        wrong["unit"] = " ".join(invalid.fields.values())
    volume, uses = (_decimal(form, name, wrong) for name in ("volume_ml", "uses"))
    if form.in_use_days and not (form.in_use_days.isdigit() and form.in_use_days.isascii()):
        wrong["in_use_days"] = "Enter a whole number of days."
    if wrong or content is None:
        raise Invalid(wrong)
    return int(form.drug), UnitDoseStated(
        form=form.form,
        content=content,
        volume_ml=volume,
        splits=form.splits == "yes",
        half_of_id=int(form.half_of) if form.half_of.isdigit() else None,
        uses=uses,
        in_use_days=int(form.in_use_days) if form.in_use_days else None,
        stored=form.stored,
        hazardous=form.hazardous == "yes",
        oversize=form.oversize == "yes",
        by_tube=form.by_tube == "yes",
    )


def read_density(form: DensityForm) -> tuple[Decimal, Decimal, date | None]:
    """Read a density and its expanded uncertainty in g/mL, and its last day if it has one. Raises Invalid."""
    wrong: dict[str, str] = {}
    rho, u = (_decimal(form, name, wrong) for name in ("g_per_ml", "u_g_per_ml"))
    for name, value in (("g_per_ml", rho), ("u_g_per_ml", u)):
        if value is None and name not in wrong:
            wrong[name] = "Enter it in g/mL."
    ends_on = _day(form.ends_on, wrong)
    if wrong or rho is None or u is None:
        raise Invalid(wrong)
    return rho, u, ends_on


def _decimal(form: PostForm, name: str, wrong: dict[str, str]) -> Decimal | None:
    """A number of a field; None when it is empty. A fault is put at the field."""
    text = getattr(form, name)
    if not text:
        return None
    try:
        value = parse_number(text)
    except Invalid as invalid:
        wrong[name] = " ".join(invalid.fields.values())
        return None
    if value != round(value, 6):
        wrong[name] = "Enter at most six digits behind the point."
        return None
    return value


def _day(text: str, wrong: dict[str, str]) -> date | None:
    if not text:
        return None
    try:
        return read_day(text)
    except ValueError as fault:
        wrong["ends_on"] = str(fault)
        return None
