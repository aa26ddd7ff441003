"""Whether a record number still means the same person: family name, given name and birth date against what is known."""

import unicodedata
from dataclasses import dataclass
from datetime import date

FAMILY, GIVEN, BIRTH = "family name", "given name", "birth date"


@dataclass(frozen=True, slots=True)
class Named:
    """A person as somebody names them; "" and None: not said."""

    family: str
    given: str
    born: date | None


def differences(known: Named, said: Named) -> tuple[str, ...]:
    """What differs between two namings of a person, of what both say: 'family name', 'given name', 'birth date'.

    Case, accents, hyphens and further given names are no difference.
    """
    found = []
    if known.family and said.family and _letters(known.family) != _letters(said.family):
        found.append(FAMILY)
    if known.given and said.given and _first(known.given) != _first(said.given):
        found.append(GIVEN)
    if known.born and said.born and known.born != said.born:
        found.append(BIRTH)
    return tuple(found)


def somebody_else(differing: tuple[str, ...]) -> bool:
    """Whether two differences or more make it another person's record: one alone is a marriage or a typing slip."""
    return len(differing) > 1


def _first(given: str) -> str:
    return _letters(given.replace("-", " ").split()[0]) if given.split() else ""


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in plain if c.isalnum())
