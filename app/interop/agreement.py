"""Whether what an order says twice says the same: its title line and its components, what was asked and encoded.

Where they disagree nobody here may choose: a contradiction makes an exception, a doubt a remark for the pharmacist.
Source: house interoperability notes, admixture rules (RXE-2 is a title, RXC is the recipe).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.core.quantity import Quantity
from app.core.wording import number
from app.formulary.product import DrugFacts
from app.interop.amounts import Unreadable, read_amount
from app.interop.hl7 import Segment
from app.interop.text import tidy
from app.interop.understood import Amount, OrderMessage
from app.orders.stated import StatedComponent


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two statements of one order that cannot both be right, in words, and the field to mark."""

    reason: str
    where: str


def against_title(
    order: OrderMessage, stated: Sequence[StatedComponent], title: DrugFacts | None, remarks: list[str]
) -> list[Contradiction]:
    """Compare the title line with the components that all were read; doubts are added to `remarks`.

    `title` is the drug that the title's code means here, if that was ever decided.
    """
    if not order.recipe:
        return []
    found = [_title_drug(order, stated, title), _title_amount(order.given, stated, remarks)]
    return [each for each in found if each]


def asked_and_encoded(rxo: Segment | None, rxe: Segment | None, remarks: list[str]) -> None:
    """Remark where the prescriber's amount (RXO) and the pharmacy's (RXE) differ; what cannot be compared is left."""
    if rxo is None or rxe is None:
        return
    try:
        asked, encoded = read_amount(rxo, 2, 4, 3), read_amount(rxe, 3, 5, 4)
    except Unreadable:
        return
    if asked is None or encoded is None or (asked.per, _kind(asked)) != (encoded.per, _kind(encoded)):
        return
    if _ends(asked) != _ends(encoded):
        remarks.append(
            f"The prescriber asked for {_said(asked)}, the pharmacy's order says {_said(encoded)}: clear this up."
        )


def _title_drug(
    order: OrderMessage, stated: Sequence[StatedComponent], title: DrugFacts | None
) -> Contradiction | None:
    if not order.drug:
        return None
    said = tidy(order.drug.name)[:60]
    if title is not None and all(part.drug_id != title.drug_id for part in stated):
        return Contradiction(
            f"The order is for '{said}', which is not among its components: ask the sender what goes in.", "RXE-2"
        )
    names = {order.drug.name.casefold(), order.drug.text.casefold()} - {""}
    listed = title is not None or any(
        (part.drug.code and part.drug.code == order.drug.code) or part.drug.name.casefold() in names
        for part in order.recipe
    )
    if not listed and all(part.role == "base" for part in stated):
        return Contradiction(
            f"The order is for '{said}', but its components add nothing to the base: ask the sender what goes in.",
            "RXE-2",
        )
    return None


def _title_amount(given: Amount | None, stated: Sequence[StatedComponent], remarks: list[str]) -> Contradiction | None:
    if given is None:
        return None
    kind, said = _kind(given), _said(given)
    if given.per:
        if "hour" not in given.per or "kg" in given.per or "m2" in given.per:
            remarks.append(f"The order line says {said}: compare with the amounts of its components.")
        return None
    if kind == "volume":
        return None  # the total, compared with the sum of the components elsewhere
    if kind.startswith("count"):
        if _ends(given) != (Quantity(Decimal(1), given.unit),) * 2:
            remarks.append(f"The order line says {said}: check how much one dose is.")
        return None
    additives = [part for part in stated if part.role == "additive"]
    alike = [part for part in additives if part.amount.dimension == kind]
    low, high = _ends(given)
    if len(additives) == 1 and alike:
        only = alike[0]
        if not low <= only.amount <= high:
            return Contradiction(
                f"The order says {said}, its component {only.drug} {only.amount}: ask the sender which is right.",
                "RXE-3",
            )
        if low != high:
            remarks.append(f"The order says {said}, its component {only.drug} {only.amount}.")
    elif additives and not any(low <= part.amount <= high for part in alike):
        parts = ", ".join(f"{part.drug} {part.amount}" for part in additives)
        remarks.append(f"The order line says {said}, its components {parts}: compare the two.")
    return None


def _kind(amount: Amount) -> str:
    return amount.quantity.dimension


def _ends(amount: Amount) -> tuple[Quantity, Quantity]:
    return amount.quantity, Quantity(amount.least if amount.most is None else amount.most, amount.unit)


def _said(amount: Amount) -> str:
    per = f" per {amount.per}" if amount.per else ""
    low, high = _ends(amount)
    return f"{low}{per}" if low == high else f"{number(amount.least)} to {high}{per}"
