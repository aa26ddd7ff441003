"""By which way a dose reaches its patient, and why: the words that a plan uses and that a ward reads."""

from enum import StrEnum


class Route(StrEnum):
    """The ways of one plan; 'none' is a dose that the pharmacy does not bring."""

    CART = "cart"
    CABINET = "cabinet"
    FIRST_DOSE = "first dose"
    CONTROLLED = "controlled"
    IV = "iv"
    BULK = "bulk"
    OWN = "own medication"
    NONE = "none"


class Reason(StrEnum):
    """Why a dose has its way; every planned and every suppressed dose keeps one."""

    NOT_ON_UNIT = "NOT_ON_UNIT"
    UNVERIFIED = "UNVERIFIED"
    STOPPED = "STOPPED"
    REPLACED = "REPLACED"
    HELD = "HELD"
    LOA = "LOA"
    OWN_MED = "OWN_MED"
    IV_ROUTE = "IV_ROUTE"
    CS_ROUTE = "CS_ROUTE"
    ADC = "ADC"
    ADC_OUT = "ADC_OUT"
    PRN = "PRN"
    FIRST_DOSE = "FIRST_DOSE"
    BULK = "BULK"
    FRIDGE = "FRIDGE"
    HAZ = "HAZ"
    OVERSIZE = "OVERSIZE"
    CART = "CART"
    EXC_PRODUCT = "EXC_PRODUCT"
    EXC_TIME = "EXC_TIME"
    DISCHARGE = "DISCHARGE"


ENDED_AS = ("REMOVE", "CHANGE", "REROUTE", "HOLD")
"""How a delta run ends a line; what it adds is a new line, and what it keeps it does not touch."""

IN_WORDS = {
    Reason.NOT_ON_UNIT: "the patient is not on a unit of this cart",
    Reason.UNVERIFIED: "the order is not verified by a pharmacist",
    Reason.STOPPED: "the order is stopped then",
    Reason.REPLACED: "the order was changed; its new version has its own doses",
    Reason.HELD: "the order is on hold then",
    Reason.LOA: "the patient is on leave then",
    Reason.OWN_MED: "the patient's own medication is used",
    Reason.IV_ROUTE: "made in the IV room",
    Reason.CS_ROUTE: "a controlled substance, delivered locked and counted",
    Reason.ADC: "stocked in the unit's cabinet",
    Reason.ADC_OUT: "the unit's cabinet is out of it, so the cart brings it",
    Reason.PRN: "given as needed",
    Reason.FIRST_DOSE: "due before the cart comes, sent as a first dose",
    Reason.BULK: "from a container that holds many doses",
    Reason.FRIDGE: "kept in the refrigerator, in a bag of its own",
    Reason.HAZ: "hazardous, in a bag of its own",
    Reason.OVERSIZE: "too large for the drawer, in a bag of its own",
    Reason.CART: "in the patient's drawer",
    Reason.EXC_PRODUCT: "no product makes this dose exactly; a pharmacist must choose one",
    Reason.EXC_TIME: "its times are not known; a pharmacist must choose them",
    Reason.DISCHARGE: "the patient is expected to have left",
}

EXCEPTIONS = frozenset({Reason.UNVERIFIED, Reason.EXC_PRODUCT, Reason.EXC_TIME, Reason.ADC_OUT})
"""What a person must look at before the cart is complete."""
