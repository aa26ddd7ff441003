"""The labels of a cart: what has one, what still needs one and why not, printing them, and printing one again."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.core.permissions import May
from app.labels.dose import BAG, HALF_TABLET, ORAL_BAG, ORAL_SYRINGE, SYRINGE_FLAG
from app.web.forms import Post, Reason
from app.web.pages import render
from app.web.session import Visitor, may, see_other
from unitdose import label_actions
from unitdose.label_queries import FillLabels, faults_of, labels_of_fill

router = APIRouter()
Picker = Annotated[Visitor, Depends(may(May.PICK))]
Courier = Annotated[Visitor, Depends(may(May.DELIVER))]

AGAIN = (
    "Smudged or torn", "Lost", "Did not come out", "The patient has moved", "The patient has another name",
    "The plan has changed",
)  # fmt: skip
KINDS = {
    HALF_TABLET: "Half tablets",
    ORAL_SYRINGE: "Oral syringes",
    SYRINGE_FLAG: "Flags for syringes whose graduations must stay in sight",
    ORAL_BAG: "Doses of several packages, to be measured, or of a container",
    BAG: "Bags of their own: cold, hazardous or large",
}


@router.get("/fills/{fill_id:int}/labels")
def labels_page(request: Request, visit: Picker, fill_id: int) -> Response:
    """Every label of one cart."""
    return _labels_page(request, visit, fill_id, {})


def _labels_page(request: Request, visit: Visitor, fill_id: int, errors: dict[str, str]) -> Response:
    parts = visit.parts
    with parts.db.read() as session:
        found = labels_of_fill(session, fill_id)
        faults = faults_of(session, found, parts.house, parts.clock())
    return render(
        request, visit, "fills/labels.html", f"Labels of {found.fill.cart_name}", current="/fills", found=found,
        topics=[f"fill:{fill_id}", "printing"], faults=faults, kinds=list(_by_kind(found)), reasons=AGAIN,
        whys=Counter(faults.values()).most_common(), missing=_missing(found), errors=errors,
        status=422 if errors else 200,
    )  # fmt: skip


def _by_kind(found: FillLabels) -> Iterable[tuple[str, list[Any]]]:
    for form, words in KINDS.items():
        if mine := [each for each in found.doses if each.form == form]:
            yield words, mine


def _missing(found: FillLabels) -> int:
    return sum(each.label is None for each in (*found.drawers, *found.doses))


@router.post("/fills/{fill_id:int}/labels")
def print_labels(request: Request, visit: Picker, fill_id: int, form: Post) -> Response:
    """Print every label that is not printed yet; the page says which could not be and why."""
    parts, who = visit.parts, visit.who
    assert who is not None
    here = f"/fills/{fill_id}/labels"
    with parts.db.write(who, form.key(request), here):
        pass
    label_actions.label_drawers(parts.db, fill_id, who, parts.house)
    label_actions.label_doses(parts.db, fill_id, who, parts.house)
    return see_other(here)


@router.post("/fills/{fill_id:int}/labels/{serial}/again")
def print_again(request: Request, visit: Picker, fill_id: int, serial: str, form: Reason) -> Response:
    """Print one label again for a reason; the one before it becomes void."""
    parts = visit.parts
    assert visit.who is not None
    here = f"/fills/{fill_id}/labels"
    try:
        with parts.db.write(visit.who, form.key(request), here) as tx:
            label_actions.print_again(tx, fill_id, serial, form.why, parts.house)
            tx.tell(f"fill:{fill_id}")
    except (Refused, Invalid) as wrong:
        return _labels_page(request, visit, fill_id, {"": str(wrong)})
    return see_other(here)


@router.post("/totes/{code}/label")
def tote_label(request: Request, visit: Courier, code: str, form: Post) -> Response:
    """Print the label of a packed tote; packed anew it is printed anew, and the one before becomes void."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), f"/totes/{code}") as tx:
        label_actions.label_tote(tx, code, visit.parts.house)
    return see_other(f"/totes/{code}")
