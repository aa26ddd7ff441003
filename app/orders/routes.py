"""The ways in which a dose enters a patient: our closed list, and the texts that can mean only one of it.

Intravenous and intrathecal never share a default; a text that is not here is decided by a pharmacist.
Source: HL7 table 0162; house interoperability notes on routes.
"""

import re

ROUTES = (
    "IV", "IV push", "IM", "SC", "intradermal", "intrathecal", "epidural", "intraperitoneal", "inhaled", "PO",
    "sublingual", "rectal", "vaginal", "topical", "transdermal", "nasal", "eye", "ear",
)  # fmt: skip
STERILE = frozenset(ROUTES[: ROUTES.index("inhaled")])
"""What is injected or infused: prepared in the IV room, unless a product of the cart room is the dose."""

_READ_AS = {
    "IV": "IV", "INTRAVENOUS": "IV", "IVPB": "IV", "IV PIGGYBACK": "IV", "IV INFUSION": "IV", "IV DRIP": "IV",
    "IVCI": "IV", "IV CONTINUOUS": "IV", "CONTINUOUS IV INFUSION": "IV", "INTRAVENOUS INFUSION": "IV",
    "IVP": "IV push", "IV PUSH": "IV push", "INTRAVENOUS PUSH": "IV push",
    "IM": "IM", "INTRAMUSCULAR": "IM", "SC": "SC", "SQ": "SC", "SUBCUT": "SC", "SUBCUTANEOUS": "SC",
    "ID": "intradermal", "INTRADERMAL": "intradermal", "IT": "intrathecal", "INTRATHECAL": "intrathecal",
    "EP": "epidural", "EPIDURAL": "epidural", "IP": "intraperitoneal", "INTRAPERITONEAL": "intraperitoneal",
    "IH": "inhaled", "INHALATION": "inhaled", "PO": "PO", "ORAL": "PO", "BY MOUTH": "PO",
    "SL": "sublingual", "SUBLINGUAL": "sublingual", "PR": "rectal", "RECTAL": "rectal", "PV": "vaginal",
    "VG": "vaginal", "VAGINAL": "vaginal", "TP": "topical", "TOPICAL": "topical", "TD": "transdermal",
    "TRANSDERMAL": "transdermal", "NS": "nasal", "NASAL": "nasal", "OP": "eye", "OPHTHALMIC": "eye", "OT": "ear",
    "OTIC": "ear",
}  # fmt: skip


def route_named(text: str) -> str | None:
    """The route that a text means, or None when it is not certain."""
    return _READ_AS.get(re.sub(r"[\s._-]+", " ", text.strip().upper()))
