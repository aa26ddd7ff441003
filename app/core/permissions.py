"""Who may do what. One table, read by the server at every act and by pages for the buttons they offer.

A technician prepares; whatever needs clinical judgement (verifying an order, checking, overriding, substituting)
belongs to a pharmacist by law (21 CFR 1306, state practice acts; ASHP minimum standard), and no setting changes it.
"""

from collections.abc import Iterable
from enum import StrEnum

from app.core.errors import Refused


class Role(StrEnum):
    TECHNICIAN = "technician"
    LEAD_TECHNICIAN = "lead technician"
    PHARMACIST = "pharmacist"
    MANAGER = "pharmacy manager"
    NURSE = "nurse"
    ADMIN = "admin"


class May(StrEnum):
    """A permission, worded so that it completes the sentence 'you may not …'."""

    TRANSCRIBE = "transcribe an order"
    VERIFY = "verify an order"
    MAP = "decide what an unclear order means"
    SAME_PERSON = "say that two names are one person"
    PROPOSE_TIMES = "propose other administration times"
    SIGN_TIMES = "put other administration times into force"
    PREPARE = "prepare a dose"
    DROP = "drop a preparation"
    CHECK = "check a preparation"
    WITHDRAW = "withdraw a released dose"
    STAGE = "stage stock to a hood"
    RECEIVE_STOCK = "receive stock"
    RECALL = "recall a lot"
    AUTHOR_RECIPE = "write a recipe"
    APPROVE_RECIPE = "approve a recipe"
    KEEP_FORMULARY = "decide what the pharmacy uses"
    ENTER_DENSITY = "enter a density"
    APPROVE_DENSITY = "approve a density"
    RUN_FILL = "plan a cart"
    PICK = "pick for a cart"
    DELIVER = "deliver a cart"
    RETURN = "take back what a ward returns"
    CHOOSE_PRODUCT = "choose the product for an order"
    RESOLVE_MISSING = "say why a dose was missing"
    REPLACE_AGAIN = "replace a missing dose a second time"
    SET_UP_CARTS = "set up carts and what units stock"
    RECEIVE_DOSE = "receive a dose on the ward"
    SEE_ORDERS = "see orders"
    SEE_RECORD = "read preparation records"
    SEE_AUDIT = "read the audit trail"
    MANAGE_STATIONS = "set up stations and devices"
    SEE_DEVICES = "see devices"
    MANAGE_PEOPLE = "manage people"
    REOPEN_SIGN_IN = "reopen a blocked sign-in"


_TECHNICIAN = frozenset(
    {May.TRANSCRIBE, May.PREPARE, May.STAGE, May.RECEIVE_STOCK, May.SEE_ORDERS, May.SEE_RECORD, May.SEE_DEVICES}
    | {May.RUN_FILL, May.PICK, May.DELIVER, May.RETURN, May.RESOLVE_MISSING}
)
_LEAD = _TECHNICIAN | {May.DROP, May.AUTHOR_RECIPE, May.ENTER_DENSITY}
_PHARMACIST = _LEAD | {
    May.VERIFY,
    May.MAP,
    May.SAME_PERSON,
    May.PROPOSE_TIMES,
    May.CHECK,
    May.WITHDRAW,
    May.RECALL,
    May.APPROVE_RECIPE,
    May.KEEP_FORMULARY,
    May.APPROVE_DENSITY,
    May.SEE_AUDIT,
    May.REOPEN_SIGN_IN,
    May.CHOOSE_PRODUCT,
    May.REPLACE_AGAIN,
    May.SET_UP_CARTS,
}

GRANTS: dict[Role, frozenset[May]] = {
    Role.TECHNICIAN: _TECHNICIAN,
    Role.LEAD_TECHNICIAN: _LEAD,
    Role.PHARMACIST: _PHARMACIST,
    Role.MANAGER: _PHARMACIST | {May.SIGN_TIMES, May.MANAGE_PEOPLE, May.MANAGE_STATIONS},
    Role.NURSE: frozenset({May.RECEIVE_DOSE, May.SEE_RECORD}),
    Role.ADMIN: frozenset({May.MANAGE_PEOPLE, May.MANAGE_STATIONS, May.SEE_DEVICES, May.SEE_AUDIT}),
}


def allowed(roles: Iterable[Role], may: May) -> bool:
    """Tell whether any of the roles grants the permission."""
    return any(may in GRANTS[role] for role in roles)


def require(roles: Iterable[Role], may: May) -> None:
    """Let the act go on, or refuse in words that name who may do it. Raises Refused."""
    held = tuple(roles)
    if allowed(held, may):
        return
    mine = " and ".join(held) if held else "person without a role"
    raise Refused(f"A {mine} may not {may}. This is for a {_who(may)}: ask one.")


def _who(may: May) -> str:
    names = [role for role in Role if may in GRANTS[role]]
    # The manager holds all that a pharmacist holds; naming both would only lengthen the sentence.
    if Role.PHARMACIST in names:
        names = [n for n in names if n is not Role.MANAGER]
    return " or ".join(names)
