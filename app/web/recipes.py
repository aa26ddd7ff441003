"""Recipes: reading them, writing a version as its author, approving one as another pharmacist."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from pydantic import Field
from starlette.responses import Response

from app.core.canonical import sha256
from app.core.errors import Invalid, Refused
from app.core.permissions import May, allowed
from app.formulary.queries import drugs
from app.identity.actions import prove_for_signature
from app.identity.queries import needs_full
from app.web.forms import Sign, SignedForm, errors_of
from app.web.pages import render
from app.web.session import Visitor, may, see_other
from compounding.recipe import Recipe
from compounding.recipe_actions import approve_recipe, write_recipe
from compounding.recipe_document import read_recipe
from compounding.recipe_queries import Version, before, version, versions
from compounding.recipe_wording import differences, label_doubts, rows, sentences

router = APIRouter(prefix="/recipes")
Reader = Annotated[Visitor, Depends(may(May.SEE_ORDERS))]
Author = Annotated[Visitor, Depends(may(May.AUTHOR_RECIPE))]
Approver = Annotated[Visitor, Depends(may(May.APPROVE_RECIPE))]

LONGEST = 200_000  # characters of a document; the longest of ours has 5,000


class WriteForm(SignedForm):
    document: str = Field("", max_length=LONGEST)


@router.get("")
def recipes_page(request: Request, visit: Reader) -> Response:
    """Every recipe with its versions."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        found = versions(session)
    return render(
        request, visit, "recipes/recipes.html", "Recipes", topics=["recipes"], current="/recipes",
        found=found, state=state_of, writes=allowed(visit.who.roles, May.AUTHOR_RECIPE),
    )  # fmt: skip


def state_of(one: Version) -> tuple[str, str]:
    """How a version stands: a chip's state and its words."""
    if one.ended_at is not None:
        return "held", "Replaced"
    if one.approved_at is None:
        return "caution", "Waits for approval"
    return "ok", "In use"


@router.get("/new")
def new_page(request: Request, visit: Author) -> Response:
    """Where a document is handed in."""
    return _new(request, visit, "")


def _new(request: Request, visit: Visitor, text: str, faults: Mapping[str, str] | None = None) -> Response:
    return render(
        request, visit, "recipes/new.html", "New recipe version", current="/recipes", status=422 if faults else 200,
        text=text, faults=faults or {},
    )  # fmt: skip


@router.post("/read")
def read(
    request: Request,
    visit: Author,
    once: Annotated[str, Form(min_length=8, max_length=64)],
    text: Annotated[str, Form(max_length=LONGEST)] = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Read a document and show what it says, what it changes, and the place to sign; nothing is stored yet."""
    if file is not None and file.filename:
        try:
            text = file.file.read(LONGEST + 1).decode("utf-8-sig")
        except UnicodeDecodeError:
            return _new(request, visit, "", {"document": "This file is not text. Save the document as UTF-8."})
    if len(text) > LONGEST:
        return _new(request, visit, "", {"document": "This file is far too long for a recipe."})
    return _preview(request, visit, text)


def readable(text: str) -> Recipe:
    """Read a document that anybody may have written; whatever is wrong with it is said. Raises Invalid."""
    try:
        recipe = read_recipe(text)
        recipe.text.encode()
    except (TypeError, ValueError, RecursionError):
        # A number that is none, half a character, a thousand brackets: JSON allows what a recipe can not be.
        raise Invalid({"document": "This document holds something that is neither text nor a number."}) from None
    return recipe


def _preview(request: Request, visit: Visitor, text: str, errors: Mapping[str, str] | None = None) -> Response:
    assert visit.who is not None
    try:
        recipe = readable(text)
    except Invalid as wrong:
        return _new(request, visit, text, wrong.fields)
    with visit.parts.db.read() as session:
        found = versions(session)
        names = {each.code: each.name for each in drugs(session)}
        full = needs_full(session, visit.who)
    older = before(found, recipe)
    return render(
        request, visit, "recipes/preview.html", recipe.name, current="/recipes", status=422 if errors else 200,
        recipe=recipe, document=text, rows=rows(recipe, names), steps=sentences(recipe, names), older=older,
        changed=differences(older.recipe, recipe, names) if older else (), full=full, errors=errors or {},
        unknown=sorted({slot.drug for slot in recipe.slots} - set(names)), doubts=label_doubts(recipe),
        shown=sha256(recipe.text),
    )  # fmt: skip


@router.post("")
def write(request: Request, visit: Author, form: Annotated[WriteForm, Form()]) -> Response:
    """Add a version, signed by its author."""
    assert visit.who is not None
    visit.who.require(May.AUTHOR_RECIPE)
    try:
        if sha256(readable(form.document).text) != form.shown:
            raise Refused("This is not the document that was shown to you. Hand it in again.")
        proven = prove_for_signature(visit.parts.db, visit.who, form.given())
        with visit.parts.db.write(visit.who, form.key(request)) as tx:
            number = write_recipe(tx, form.document, proven)
            tx.location = f"/recipes/{number}"
            tx.tell("recipes")
    except (Refused, Invalid) as wrong:
        return _preview(request, visit, form.document, errors_of(wrong))
    return see_other(f"/recipes/{number}")


@router.get("/{recipe_id:int}")
def recipe_page(request: Request, visit: Reader, recipe_id: int) -> Response:
    """One version as a pharmacist reads it."""
    return _draw(request, visit, recipe_id)


def _draw(request: Request, visit: Visitor, recipe_id: int, errors: Mapping[str, str] | None = None) -> Response:
    who = visit.who
    assert who is not None
    with visit.parts.db.read() as session:
        one, older = version(session, recipe_id)
        names = {each.code: each.name for each in drugs(session)}
        full = needs_full(session, who)
    recipe = one.recipe
    waits = one.approved_at is None and one.ended_at is None
    may_approve = waits and allowed(who.roles, May.APPROVE_RECIPE)
    return render(
        request, visit, "recipes/recipe.html", f"{recipe.code} version {recipe.version}", topics=["recipes"],
        current="/recipes", status=422 if errors else 200, one=one, recipe=recipe, older=older, state=state_of(one),
        rows=rows(recipe, names), steps=sentences(recipe, names), errors=errors or {}, full=full, waits=waits,
        changed=differences(older.recipe, recipe, names) if older else (), own=one.author_id == who.person_id,
        may_approve=may_approve, doubts=label_doubts(recipe),
    )  # fmt: skip


@router.post("/{recipe_id:int}/approve")
def approve(request: Request, visit: Approver, recipe_id: int, form: Sign) -> Response:
    """Approve a version with a signature, as a pharmacist who did not write it."""
    here = f"/recipes/{recipe_id}"
    assert visit.who is not None
    visit.who.require(May.APPROVE_RECIPE)

    def check(session: Any) -> None:
        one, _ = version(session, recipe_id)
        if one.sha256 != form.shown:
            raise Refused("This is not what was shown to you. Read it again, then sign.")

    try:
        proven = prove_for_signature(visit.parts.db, visit.who, form.given())
        with visit.parts.db.write(visit.who, form.key(request), here) as tx:
            check(tx.session)
            approve_recipe(tx, recipe_id, proven)
            tx.tell("recipes")
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, recipe_id, errors_of(wrong))
    return see_other(here)
