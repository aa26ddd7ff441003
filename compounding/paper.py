"""A dose on paper: the steps of its worksheet in words with the same arithmetic, and what is written down by hand."""

from dataclasses import dataclass

from compounding.amounts import planned_vials, target_of
from compounding.recipe import Draw, Inject, Inspect, Mix, Reconstitute, Scan, Step, Weigh
from compounding.weighing import syringe_words
from compounding.worksheet import Candidate, Worksheet

CONTAINER = ("Maker or NDC", "Lot", "Expiry")
SYRINGE = ("First reads (mL)", "Second reads (mL)")
DONE = ("Done",)


@dataclass(frozen=True)
class PaperStep:
    """One line of a sheet: what to do, and the blanks to be filled in beside it."""

    words: str
    blanks: tuple[str, ...]


def paper_steps(sheet: Worksheet) -> tuple[PaperStep, ...]:
    """The steps of a planned dose for a sheet of paper, in their order; a volume in a syringe is read by two people.

    Weighings are left out: without the server no weight is judged. Volumes are those of the first product that may
    fill each slot; `worked_out_for` names it.
    """
    first = {slot: found[0] for slot, found in sheet.candidates.items() if found}
    return tuple(found for step in sheet.recipe.steps if (found := _on_paper(sheet, step, first)) is not None)


def worked_out_for(sheet: Worksheet) -> tuple[str, ...]:
    """The products whose contents the volumes of a sheet were worked out from, where others may be taken as well."""
    drawn = {step.slot for step in sheet.recipe.steps if isinstance(step, Draw)}
    return tuple(
        f"{found[0].name} ({found[0].ndc})"
        for slot, found in sheet.candidates.items()
        if slot in drawn and len(found) > 1
    )


def _on_paper(sheet: Worksheet, step: Step, first: dict[str, Candidate]) -> PaperStep | None:
    match step:
        case Scan(slot=slot):
            return PaperStep(f"Take the {slot}: {sheet.labels[slot]}.", CONTAINER)
        case Reconstitute(slot=slot, vehicle=vehicle, volume=volume, say=say):
            return PaperStep(f"Add {volume} of the {vehicle} to the {slot}. {say}", SYRINGE)
        case Draw(slot=slot):
            target = target_of(sheet, step, first, planned_vials(sheet, first)) if slot in first else None
            volume_words = syringe_words(step, target[1]) if target else "what a pharmacist works out"
            return PaperStep(f"Draw from the {slot}: {volume_words}.", SYRINGE)
        case Inject(into=into):
            return PaperStep(f"Inject the syringe into the {into}.", DONE)
        case Mix(say=say):
            return PaperStep(say, DONE)
        case Inspect(say=say):
            return PaperStep(f"Look at the bag: {say}.", DONE)
        case Weigh():
            return None
