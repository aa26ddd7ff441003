"""What stands on labels, in words.

Texts come ready from the room that made the dose (amounts worded by `app.core`), because a label says what was ordered
and never computes. Sources: USP <797> labelling of compounded preparations; ISMP error-prone designations.
"""

from dataclasses import dataclass
from datetime import date

AS_NEEDED, EACH_DOSE = "as needed", "for each dose as ordered"
"""In place of a due time: for what is given when it is needed, and for a container that holds many doses."""


@dataclass(frozen=True)
class Ingredient:
    """One drug of a dose as its label says it: the name with its tall-man letters, and the ordered amount.

    `concentration` is in what the container holds, and empty where it can not be said. `volume` is the volume the
    amount was drawn in, where order or check needs it; only the label of a single drug has room for it.
    """

    drug: str
    amount: str
    concentration: str = ""
    volume: str = ""


@dataclass(frozen=True)
class DispenseLabel:
    """One label of one patient's dose, as it shall be read at the bedside.

    `ingredients` are its drugs in the order they are read, one to MOST_INGREDIENTS; `total_volume` is what the
    container holds. `beyond_use` carries date, time and zone. `reprint` counts the labels printed before this one
    for the same dose, and `copy_of` is the serial of the label that this one replaces.
    """

    hospital: str
    patient_name: str  # FAMILY, Given
    mrn: str
    birth_date: date
    unit_bed: str
    ingredients: tuple[Ingredient, ...]
    diluent: str
    total_volume: str
    route: str
    rate: str
    due: str
    beyond_use: str
    storage: str
    prepared_by: str
    made_at: str
    serial: str
    order_number: str
    auxiliary: tuple[str, ...] = ()
    high_alert: bool = False
    high_alert_words: str = "HIGH ALERT"
    bedside_code: str = ""
    bedside_kind: str = "datamatrix"
    copy_of: str = ""
    reprint: int = 0
    test: bool = False


@dataclass(frozen=True)
class DoseLabel:
    """One dose of the cart room whose package does not say it all; `form` is where the label goes (FORMS).

    `dose` stands before `volume` ('160 mg (5 mL)'); `give` says how the dose is made of the package ('Draw 7.5 mL of
    10 mL'). `banner` is what the bag must shout (REFRIGERATE). `unit_bed` is the location when it was printed.
    """

    form: str
    hospital: str
    patient_name: str  # FAMILY, Given
    mrn: str
    birth_date: date
    unit_bed: str
    drug: str
    dose: str
    route: str
    due: str
    use_by: str
    prepared_by: str
    made_at: str
    serial: str
    order_number: str
    volume: str = ""
    give: str = ""
    product: str = ""
    banner: str = ""
    storage: str = ""
    auxiliary: tuple[str, ...] = ()
    high_alert: bool = False
    high_alert_words: str = "HIGH ALERT"
    bedside_code: str = ""
    bedside_kind: str = "gs1"
    copy_of: str = ""
    reprint: int = 0
    test: bool = False


@dataclass(frozen=True)
class Content:
    """One line of what a drawer holds as planned: the drug with its dose, how it is given, and when."""

    what: str
    how: str
    when: str


@dataclass(frozen=True)
class DrawerLabel:
    """One patient's drawer of one cart's window, or what was added to it in a bag of its own (`part`).

    `elsewhere` says what reaches the patient another way. A `tall` label also lists `contents` as they were planned;
    a list that has no room is left out as a whole, and the label says so.
    """

    hospital: str
    cart: str
    drawer: str
    patient_name: str  # FAMILY, Given
    mrn: str
    birth_date: date
    unit_bed: str
    from_: str
    until: str
    count: str
    allergies: str
    planned: str
    made_at: str
    serial: str
    part: str = ""
    elsewhere: tuple[str, ...] = ()
    contents: tuple[Content, ...] = ()
    tall: bool = False
    copy_of: str = ""
    reprint: int = 0
    test: bool = False


@dataclass(frozen=True)
class ToteLabel:
    """One tote of a cart on its way to a ward; its own code (`TOTE-07`) is what is scanned."""

    hospital: str
    tote: str
    to: str
    cart: str
    from_: str
    until: str
    leaves: str
    holds: tuple[str, ...]
    packed_by: str
    made_at: str
    serial: str
    banner: str = ""
    copy_of: str = ""
    reprint: int = 0
    test: bool = False
