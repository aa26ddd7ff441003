"""Labels that exercise every part of a layout and cannot be taken for a patient's: one for each size of stock."""

from datetime import date

from app.labels.content import Content, DispenseLabel, DoseLabel, DrawerLabel, Ingredient
from app.labels.dose import BY_MOUTH, ORAL_BAG, SYRINGE_FLAG
from app.labels.kinds import AnyLabel
from app.labels.media import ALL, DRAWER, TALL

_NOBODY = "TEST, Ångström"
_NEVER = date(2000, 1, 1)


def trial_label(media: str, serial: str, hospital: str, station: str) -> AnyLabel:
    """The label that a printer with labels of this size (4x3) is tried with: TEST all over, for nobody, with its codes.

    Raises ValueError for a size that no label of ours has.
    """
    if media == DRAWER.name:
        return _dispense(serial, hospital, station)
    if media == TALL.name:
        return _drawer(serial, hospital, station)
    if media not in ALL:
        raise ValueError(f"No label is {media} inch. The sizes are {', '.join(ALL)}: correct the printer's address.")
    return _dose(SYRINGE_FLAG if ALL[media].length < 100 else ORAL_BAG, serial, hospital, station)


def _dispense(serial: str, hospital: str, station: str) -> DispenseLabel:
    return DispenseLabel(
        hospital=hospital,
        patient_name=_NOBODY,
        mrn="00000000",
        birth_date=_NEVER,
        unit_bed="NOWHERE",
        ingredients=(Ingredient("not a drug", "0 mg", "0 mg per mL"),),
        diluent="nothing",
        total_volume="0 mL",
        route="do not give",
        rate="0 mL per hour",
        due="never",
        beyond_use="do not use",
        storage="Discard at 20 °C",
        auxiliary=(f"Printer of {station[:24]}", "Scan both codes"),
        high_alert=True,
        prepared_by="printer test",
        made_at="",
        serial=serial,
        order_number="0",
        bedside_code="TEST-0000",
        bedside_kind="code128",
        test=True,
    )


def _dose(form: str, serial: str, hospital: str, station: str) -> DoseLabel:
    return DoseLabel(
        form=form,
        hospital=hospital,
        patient_name=_NOBODY,
        mrn="00000000",
        birth_date=_NEVER,
        unit_bed="NOWHERE",
        drug="not a drug",
        dose="0 mg",
        route=BY_MOUTH,
        due="never",
        use_by="never",
        prepared_by="printer test",
        made_at="",
        serial=serial,
        order_number="0",
        auxiliary=(f"Printer of {station[:24]}",),
        bedside_code="TEST-0000",
        bedside_kind="datamatrix",
        test=True,
    )


def _drawer(serial: str, hospital: str, station: str) -> DrawerLabel:
    return DrawerLabel(
        hospital=hospital,
        cart=station[:24],
        drawer="Drawer 0",
        patient_name=_NOBODY,
        mrn="00000000",
        birth_date=_NEVER,
        unit_bed="NOWHERE",
        from_="never",
        until="never",
        count="0 doses",
        allergies="none",
        planned="never",
        made_at="never",
        serial=serial,
        contents=(Content("not a drug 0 mg", "do not give", "never"),),
        tall=True,
        test=True,
    )
