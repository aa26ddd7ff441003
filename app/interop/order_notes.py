"""What an order says in words: routes, notes with their place, people.

Sources: HL7 v2.5.1 chapters 2 (NTE), 2A (XCN) and 4A (RXR, RXE-7, RXE-21); house interoperability notes.
"""

from dataclasses import replace

from app.interop.amounts import read_code
from app.interop.hl7 import Segment
from app.interop.order_groups import Group
from app.interop.recipe import detail_of
from app.interop.timing import is_text
from app.interop.understood import Note, Route


def read_routes(group: Group, warnings: list[str]) -> tuple[Route, ...]:
    """The routes of an order: those after RXE, else after RXO; more than one is remarked, never chosen from."""
    read: dict[str, list[Route]] = {}
    for name in ("RXE", "RXO", "ORC", "RXD"):
        read[name] = []
        for rxr in group.named("RXR", name):
            route = Route(read_code(rxr, 1), read_code(rxr, 2), read_code(rxr, 3), read_code(rxr, 4))
            if (route.route or route.method) and route not in read[name]:
                read[name].append(route)
    routes = next((found for found in read.values() if found), [])
    if len(routes) > 1:
        warnings.append("The order names more than one route: the pharmacist decides which.")
    asked = {route.route.code or route.route.text for route in read["RXO"]}
    if read["RXE"] and asked and asked != {route.route.code or route.route.text for route in routes}:
        warnings.append("The route of the prescription and of the pharmacy's order differ: clear this up.")
    return tuple(routes)


def read_notes(group: Group, head: tuple[Note, ...]) -> tuple[Note, ...]:
    """All remarks of an order in the order sent, each with its place; `head` are those of the whole message."""
    found = list(head)
    for segment, under in zip(group.segments, group.under, strict=True):
        if segment.name == "NTE":
            found.append(read_note(segment, f"NTE after {under}"))
        elif not segment.name and found:
            # A note that was broken over a line: the rest of its text.
            found[-1] = replace(found[-1], text=f"{found[-1].text}\n{segment.text}")
        elif segment.name in ("RXE", "RXO"):
            for field in detail_of(segment).notes:
                found += [
                    Note(f"{segment.name}-{field}", text)
                    for text in (_coded_text(segment, part) for part in segment.repetitions(field))
                ]
            if segment.name == "RXE" and is_text(segment):
                found.append(Note("RXE-1", segment.get(1, 0)))
    return tuple(note for note in found if note.text)


def read_note(nte: Segment, place: str) -> Note:
    """One NTE segment."""
    return Note(place, "\n".join(nte.texts(3)), nte.get(2), nte.get(4, 2) or nte.get(4))


def _coded_text(segment: Segment, text: str) -> str:
    return segment.part(text, 2, 0) or segment.part(text, 1, 0) or segment.part(text, 5, 0)


def read_person(segment: Segment, field: int) -> str:
    """A person (XCN) as "Given Family (id)", as far as it was sent."""
    id_, family, given = (segment.get(field, part) for part in (1, 2, 3))
    name = " ".join(part for part in (given, family) if part)
    return f"{name} ({id_})" if name and id_ else name or id_
