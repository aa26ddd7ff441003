"""Reading recipes: the list of versions, and one version with who stands for it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.core.errors import Missing
from app.identity.models import Person
from compounding.models import Recipe as RecipeRow
from compounding.recipe import Recipe
from compounding.recipe_document import read_recipe


@dataclass(frozen=True)
class Version:
    """One version of a recipe and who stands for it; no `approved_at`: it waits; `ended_at`: it was replaced."""

    id: int
    recipe: Recipe
    sha256: str
    author_id: int
    author: str
    made_at: datetime
    approver: str | None
    approved_at: datetime | None
    ended_at: datetime | None

    @property
    def in_use(self) -> bool:
        """Whether doses are made by this version now."""
        return self.approved_at is not None and self.ended_at is None


def versions(session: Session) -> tuple[Version, ...]:
    """List every version of every recipe, by code, the newest version first."""
    author, approver = aliased(Person), aliased(Person)
    query = (
        select(RecipeRow, author.name, approver.name)
        .join(author, author.id == RecipeRow.author_id)
        .join(approver, approver.id == RecipeRow.approver_id, isouter=True)
        .order_by(RecipeRow.code, RecipeRow.version.desc())
    )
    return tuple(
        Version(
            id=row.id,
            recipe=read_recipe(row.text),
            sha256=row.sha256,
            author_id=row.author_id,
            author=by,
            made_at=row.made_at,
            approver=checked,
            approved_at=row.approved_at,
            ended_at=row.ended_at,
        )
        for row, by, checked in session.execute(query)
    )


def version(session: Session, recipe_id: int) -> tuple[Version, Version | None]:
    """One version and the one before it (None: it is the first). Raises Missing."""
    found = versions(session)
    one = next((each for each in found if each.id == recipe_id), None)
    if one is None:
        raise Missing("This recipe does not exist.")
    return one, before(found, one.recipe)


def before(found: tuple[Version, ...], recipe: Recipe) -> Version | None:
    """The version that comes right before a recipe's own, among those found."""
    older = (each for each in found if each.recipe.code == recipe.code and each.recipe.version < recipe.version)
    return max(older, key=lambda each: each.recipe.version, default=None)
