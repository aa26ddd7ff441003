"""Every kind of label there is, and which kind a label's content is of."""

from app.labels import dispense
from app.labels.content import DispenseLabel
from app.labels.kind import Kind
from app.labels.zpl import visible

AnyLabel = DispenseLabel


def kind_of(label: AnyLabel) -> Kind:
    """The kind that a label's content is printed as."""
    return dispense.KIND


def texts(label: AnyLabel) -> dict[str, str]:
    """What is written in each box of a label, by the box's name; a box without text is left out."""
    tidied = {name: tidy(text) for name, text in kind_of(label).texts(label).items()}
    return {name: text for name, text in tidied.items() if text}


def tidy(text: str) -> str:
    """A text without anything that cannot be seen, and without blanks around it."""
    return visible(text).strip()
