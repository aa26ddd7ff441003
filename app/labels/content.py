"""What stands on labels, in words.

Texts come ready from the room that made the dose (amounts worded by `app.core`), because a label says what was ordered
and never computes. Sources: USP <797> labelling of compounded preparations; ISMP error-prone designations.
"""

from dataclasses import dataclass
from datetime import date


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
