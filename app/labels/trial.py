"""A label that exercises every part of the layout and cannot be taken for a patient's."""

from datetime import date

from app.labels.content import DispenseLabel, Ingredient


def station_trial(serial: str, hospital: str, station: str) -> DispenseLabel:
    """The label that a station's printer is tried with: TEST all over, for nobody, with both codes to scan."""
    return DispenseLabel(
        hospital=hospital,
        patient_name="TEST, Ångström",
        mrn="00000000",
        birth_date=date(2000, 1, 1),
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
