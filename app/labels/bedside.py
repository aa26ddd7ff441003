"""What the code for the ward's bedside scanner says, by the site's profile.

A scanner at the bedside reads makers' packages anyway, so on a unit dose it finds the source product; what a hood made
has no product and is found by its order. Source: unit-dose reference §6.3; GS1 General Specifications 3 (01, 17, 10).
"""

import re
from dataclasses import dataclass
from datetime import date

PROFILES = ("order number", "order number, Code 128", "order number on everything", "none")
"""What a site may say of its bedside scanners; 'none' for a site that scans nothing there."""
_LOT = re.compile(r"[A-Za-z0-9-]{1,14}", re.ASCII)


@dataclass(frozen=True)
class Source:
    """The product that a dose was taken from: its GTIN-14, and the lot with its expiry where it is one lot only."""

    gtin14: str
    expiry: date | None = None
    lot: str = ""


def order_code(profile: str, order_number: str) -> tuple[str, str]:
    """The code of what was made for an order, and how it is printed; ('', …) where the site scans none."""
    if profile == "order number, Code 128":
        return order_number, "code128"
    return ("" if profile == "none" else order_number), "datamatrix"


def dose_code(profile: str, order_number: str, source: Source | None) -> tuple[str, str]:
    """The code of one unit dose: its source product, or its order where the site says so on everything.

    A lot that a GS1 code of the label's size can not carry is left out: the product is still found.
    """
    if profile == "order number on everything":
        return order_number, "datamatrix"
    if source is None or profile == "none":
        return "", "gs1"
    expiry = f"17{source.expiry:%y%m%d}" if source.expiry else ""
    lot = f"10{source.lot}" if _LOT.fullmatch(source.lot) else ""
    return f"01{source.gtin14}{expiry}{lot}", "gs1"
