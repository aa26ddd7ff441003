"""Every kind of label there is, and which kind a label's content is of."""

from app.labels import dispense, dose, drawer, tote
from app.labels.content import DispenseLabel, DoseLabel, DrawerLabel, ToteLabel
from app.labels.kind import Kind
from app.labels.zpl import visible

AnyLabel = DispenseLabel | DoseLabel | DrawerLabel | ToteLabel


def kind_of(label: AnyLabel) -> Kind:
    """The kind that a label's content is printed as."""
    match label:
        case DispenseLabel():
            return dispense.KIND
        case DoseLabel(form=form):
            return {dose.SYRINGE_FLAG: dose.FLAG_KIND, dose.BAG: dose.BAG_KIND}.get(form, dose.SMALL_KIND)
        case DrawerLabel(tall=tall):
            return drawer.TALL_KIND if tall else drawer.KIND
        case ToteLabel():
            return tote.KIND


def texts(label: AnyLabel) -> dict[str, str]:
    """What is written in each box of a label, by the box's name; a box without text is left out."""
    tidied = {name: tidy(text) for name, text in kind_of(label).texts(label).items()}
    return {name: text for name, text in tidied.items() if text}


def tidy(text: str) -> str:
    """A text without anything that cannot be seen, and without blanks around it."""
    return visible(text).strip()
