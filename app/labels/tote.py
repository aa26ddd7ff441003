"""The label of a tote on its way to a ward, 4 × 3 inch. Its own code (`TOTE-07`) is what is scanned."""

from dataclasses import replace

from app.labels.content import ToteLabel
from app.labels.kind import Coded, Kind
from app.labels.layout import Box, Symbol
from app.labels.media import DRAWER

CODE = Symbol("the tote's Data Matrix", 790, 60, 200, 200, {8: 6, 12: 8})
_PLACES = {
    "hospital": Box("the name of the hospital", 25, 15, 480, 28),
    "cart": Box("the cart", 520, 15, 470, 28, right=True),
    "tote": Box("the tote's code", 25, 60, 740, 110, bold=True),
    "to": Box("where it goes", 25, 180, 740, 54, lines=2),
    "banner": Box("the banner", 25, 300, 966, 36, centred=True, band=True),
    "leaves": Box("when it leaves", 25, 346, 965, 42),
    "from": Box("the beginning of the window", 25, 394, 965, 36),
    "until": Box("the end of the window", 25, 434, 965, 36),
    "holds": Box("what is in it", 25, 484, 965, 36, lines=4),
    "reprint": Box("the reprint number", 25, 648, 300, 30),
    "replaced": Box("the serial of the replaced label", 345, 650, 645, 28),
    "serial": Box("the label's serial", 25, 688, 965, 28),
    "packed": Box("who packed it and when", 25, 720, 965, 28),
}


def _texts(label: ToteLabel) -> dict[str, str]:
    return {
        "hospital": "TEST - not for a patient" if label.test else label.hospital,
        "cart": label.cart,
        "tote": label.tote,
        "to": f"to {label.to}" if label.to else "",
        "banner": label.banner,
        "leaves": f"Leaves {label.leaves}" if label.leaves else "",
        "from": f"Doses due from {label.from_}",
        "until": f"until {label.until}",
        "holds": "; ".join(label.holds),
        "reprint": f"REPRINT {label.reprint}" if label.reprint else "",
        "replaced": f"replaces {label.copy_of}" if label.copy_of else "",
        "serial": label.serial,
        "packed": f"Packed by {label.packed_by} {label.made_at}",
    }


def _boxes(label: ToteLabel) -> dict[str, Box]:
    return _PLACES | ({"hospital": replace(_PLACES["hospital"], band=True)} if label.test else {})


def _required(label: ToteLabel) -> dict[str, str]:
    return {
        "tote's code": label.tote,
        "ward it goes to": label.to,
        "cart": label.cart,
        "contents": "; ".join(label.holds),
        "name of who packed it": label.packed_by,
    }


KIND = Kind(
    name="tote label",
    media=DRAWER,
    template="tote.zpl",
    boxes=_boxes,
    texts=_texts,
    codes=lambda label: (Coded(CODE, label.tote),),
    required=_required,
    dose_texts=frozenset({"banner", "holds"}),
)
