"""What labels need to know of the hospital that prints them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class House:
    """The hospital's name as it stands on labels, what its bedside scanners expect, and whether this is TEST."""

    name: str
    bedside: str
    test: bool
