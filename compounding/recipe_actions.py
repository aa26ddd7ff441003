"""Recipes are signed twice: by their author and by an approving pharmacist who is not the author."""

from sqlalchemy import func, select, update

from app.audit.actions import record
from app.core.canonical import sha256
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.core.workflow import Meaning
from app.db.session import Tx
from app.identity.actions import Proven, sign
from compounding.models import Recipe as RecipeRow
from compounding.recipe_document import read_recipe


def write_recipe(tx: Tx, document: str, proven: Proven) -> int:
    """Add a recipe version as its author, signed; it makes nothing until another pharmacist approves it.

    Raises Refused (not the next version, may not), Invalid with all that is wrong with the document.
    """
    tx.who.require(May.AUTHOR_RECIPE)
    recipe = read_recipe(document)
    last = tx.session.scalar(select(func.max(RecipeRow.version)).where(RecipeRow.code == recipe.code)) or 0
    if recipe.version != last + 1:
        raise Refused(f"The next version of {recipe.code} is {last + 1}, not {recipe.version}. Change it, then sign.")
    digest = sha256(recipe.text)
    signature = sign(tx, proven, Meaning.PREPARED, f"recipe {recipe.code} version {recipe.version}", digest)
    row = RecipeRow(
        code=recipe.code,
        version=recipe.version,
        text=recipe.text,
        sha256=digest,
        author_id=proven.person_id,
        author_signature_id=signature.id,
        made_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    record(tx, "recipe written", f"recipe {row.id}", {"code": row.code, "version": row.version, "sha256": digest})
    return row.id


def approve_recipe(tx: Tx, recipe_id: int, proven: Proven) -> None:
    """Approve a recipe version as a pharmacist who did not write it; versions before it end with it.

    Raises Missing, Refused.
    """
    tx.who.require(May.APPROVE_RECIPE)
    row = tx.session.get(RecipeRow, recipe_id)
    if row is None:
        raise Missing("This recipe does not exist.")
    if row.author_id == proven.person_id:
        raise Refused("You wrote this recipe, so another pharmacist must approve it.")
    if row.approved_at is not None:
        raise Refused("This recipe is approved already.")
    if sha256(row.text) != row.sha256:
        raise Refused("This recipe is not what its author signed. Do not approve it; write it anew.")
    signature = sign(tx, proven, Meaning.APPROVED, f"recipe {row.code} version {row.version}", row.sha256)
    row.approver_id, row.approver_signature_id, row.approved_at = proven.person_id, signature.id, tx.now
    tx.session.execute(
        update(RecipeRow)
        .where(RecipeRow.code == row.code, RecipeRow.version < row.version, RecipeRow.ended_at.is_(None))
        .values(ended_at=tx.now)
    )
    record(tx, "recipe approved", f"recipe {row.id}", {"code": row.code, "version": row.version})
    tx.tell("worklist")
