"""The wrong container, an expired, recalled or used one: stopped where it is scanned, signed and released."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from app import demo
from app.core.workflow import State
from app.inventory.actions import lot_for, recall
from app.inventory.models import Lot
from compounding.procedure import label_serial
from compounding.recipe import Scan
from compounding.records import Scanned, Stopped
from tests.conftest import SetClock
from tests.faults.drive import told
from tests.hospital import KEYS, ORDERS, Hospital

NEW_YORK = ZoneInfo(demo.ZONE)
VIAL = 1  # the first package of the pretend pharmacy is the vial of vancomycin


def claimed(house: Hospital, recipe: str = "MFR-01", tray: str = "TRAY-01", **how: object) -> int:
    return house.claim(house.dose(house.order(recipe, **how)), tray)


def stop_of(house: Hospital, work_id: int) -> Stopped | None:
    return house.at(work_id).where.stop


@pytest.mark.parametrize("recipe", sorted(ORDERS))
def test_of_all_products_only_the_listed_one_passes_at_each_scan_of_a_recipe(house: Hospital, recipe: str) -> None:
    work_id = claimed(house, recipe)
    met = 0
    while True:
        house.until(work_id, Scan)
        step = house.at(work_id).where.current
        if not isinstance(step, Scan):
            break
        right = KEYS[recipe].get(step.slot, step.slot)
        for good in demo.GOODS:
            if good.key == right:
                continue
            house.scan(work_id, demo.barcode(good.key, serial=f"X{met}{good.key[:3]}"))
            stop = stop_of(house, work_id)
            assert stop is not None and stop.what.startswith("Wrong "), good.key
            assert stop.wanted and stop.scanned and stop.remedy
            assert house.at(work_id).where.current == step
        met += 1
        house.step(work_id)
    assert met == len(house.at(work_id).sheet.recipe.slots)


def slips(gtin: str) -> set[str]:
    """Codes one slip away: a digit changed with its check digit kept, a prefix, a longer and a padded one."""
    wrong = {gtin[:8] + str((int(gtin[8]) + 1) % 10) + gtin[9:], gtin[:-1] + str((int(gtin[-1]) + 1) % 10)}
    swapped = gtin[:6] + gtin[7] + gtin[6] + gtin[8:]
    return (wrong | {swapped, gtin[:12], gtin + "0", "0" + gtin[:-1]}) - {gtin}


def test_a_code_that_is_nearly_right_is_not_right(house: Hospital) -> None:
    work_id = claimed(house)
    gtin = demo.good("vial").gtin
    texts = [f"]d201{each}1727033110{demo.good('vial').lot}" for each in sorted(slips(gtin))]
    texts += [gtin, gtin[2:], demo.good("vial").ndc, demo.good("vial").package[:-1], "]d201", "TRAY-99", "CARD-YES"]
    for text in texts:
        house.scan(work_id, text)
        at = house.at(work_id)
        assert not at.where.bound, f"{text!r} was taken for the vial"
        assert at.where.stop is not None or at.where.question is not None, text


def test_one_serial_goes_into_one_dose(house: Hospital) -> None:
    one, two = claimed(house), claimed(house, tray="TRAY-02", number="RX2", patient=1)
    code = demo.barcode("vial", serial="SAME1")
    house.scan(one, code)
    house.scan(two, code)
    stop = stop_of(house, two)
    assert stop is not None and "another dose's tray" in stop.remedy
    house.scan(two, demo.barcode("vial", serial="SAME1", lot="OTHERLOT"))
    stop = stop_of(house, two)
    assert stop is not None and "another dose's tray" in stop.remedy
    assert "scan-vial" not in house.at(two).where.done


@pytest.mark.parametrize("serial", ["plain1", 'say"1', "it's1", "%_1", "a+b/c"])
def test_a_serial_is_the_same_whatever_letters_it_has(house: Hospital, serial: str) -> None:
    one, two = claimed(house), claimed(house, tray="TRAY-02", number="RX2", patient=1)
    house.scan(one, demo.barcode("vial", serial=serial))
    assert house.at(one).where.bound
    house.scan(two, demo.barcode("vial", serial=serial))
    assert stop_of(house, two) is not None and not house.at(two).where.bound


def test_a_serial_that_was_used_before_is_stopped_for_ever(house: Hospital) -> None:
    one = claimed(house)
    house.scan(one, demo.barcode("vial", serial="USED1"))
    while house.step(one):
        pass
    house.finish(one)
    house.release(one)
    two = claimed(house, tray="TRAY-02", number="RX2", patient=1)
    house.scan(two, demo.barcode("vial", serial="USED1"))
    stop = stop_of(house, two)
    assert stop is not None and "was used before" in stop.remedy


def recalled(house: Hospital, package_id: int, number: str) -> None:
    with house.db.write(house.who("petra")) as tx:
        lot = tx.session.scalar(select(Lot).where(Lot.package_id == package_id, Lot.number == number))
        lot = lot or lot_for(tx, package_id=package_id, number=number, expiry=date(2027, 3, 31))
        recall(tx, lot.id, "particles")


def test_a_lot_recalled_before_its_scan_is_stopped_there_and_later_at_signature_or_release(house: Hospital) -> None:
    """Between each pair of steps of the story."""
    for after in itertools.count():
        number = f"REC{after}"
        work_id = claimed(house, tray=f"TRAY-{after:02}", number=f"RX{after}", patient=after % 3)
        house.until(work_id, "scan-vial")
        for _ in range(after):
            if not _step_with_lot(house, work_id, number):
                break
        finished = house.at(work_id).where.current is None
        recalled(house, VIAL, number)
        if after == 0:
            house.scan(work_id, demo.barcode("vial", lot=number, serial="R0"))
            stop = stop_of(house, work_id)
            assert stop is not None and "was recalled (particles)" in stop.remedy
            house.scan(work_id, demo.barcode("vial", lot=number.lower(), expiry=date(2028, 1, 31), serial="R1"))
            assert stop_of(house, work_id) is not None and not house.at(work_id).where.bound
            continue
        while _step_with_lot(house, work_id, number):
            pass
        words = told(lambda w=work_id: house.finish(w)) or ""
        assert f"lot {number} was recalled (particles)" in words, f"after {after} steps: {words}"
        if finished:
            break
    assert after > 5


def _step_with_lot(house: Hospital, work_id: int, lot: str) -> bool:
    """One right step; the vial is of a given lot."""
    current = house.at(work_id).where.current
    if current is not None and current.key == "scan-vial":
        house.scan(work_id, demo.barcode("vial", lot=lot, serial=f"V{work_id}"))
        return True
    return house.step(work_id)


def test_a_lot_recalled_between_signature_and_release_is_not_released(house: Hospital) -> None:
    work_id = house.made()
    house.finish(work_id)
    recalled(house, VIAL, demo.good("vial").lot)
    words = told(lambda: house.release(work_id)) or ""
    assert "was recalled (particles)" in words
    assert house.at(work_id).state is State.MADE


def test_a_container_is_good_until_the_last_minute_of_its_day_on_the_wall_clock_and_not_after(
    house: Hospital, clock: SetClock
) -> None:
    expiry = date(2026, 11, 30)
    clock.at = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
    early, late = claimed(house), claimed(house, tray="TRAY-02", number="RX2", patient=1)
    for work_id in (early, late):
        house.until(work_id, "scan-vial")
    clock.at = datetime(2026, 11, 30, 23, 58, 59, tzinfo=NEW_YORK).astimezone(UTC)
    house.scan(early, demo.barcode("vial", expiry=expiry, lot="ENDS", serial="E1"))
    assert isinstance(house.at(early).records[-1].facts, Scanned)
    clock.at = datetime(2026, 11, 30, 23, 59, 1, tzinfo=NEW_YORK).astimezone(UTC)
    house.scan(late, demo.barcode("vial", expiry=expiry, lot="ENDS", serial="E2"))
    stop = stop_of(house, late)
    assert stop is not None and "expired on 30-Nov-2026" in stop.remedy


def test_what_expires_under_the_hood_is_neither_signed_nor_released(house: Hospital, clock: SetClock) -> None:
    clock.at = datetime(2026, 11, 30, 23, 0, tzinfo=NEW_YORK).astimezone(UTC)
    works = [claimed(house, tray=f"TRAY-0{n}", number=f"RX{n}", patient=n) for n in range(2)]
    for number, work_id in enumerate(works):
        house.until(work_id, "scan-vial")
        house.scan(work_id, demo.barcode("vial", expiry=date(2026, 11, 30), lot="ENDS", serial=f"E{number}"))
        while house.step(work_id):
            pass
        assert label_serial(house.at(work_id).where)
    house.finish(works[0])
    clock.at += timedelta(hours=1)
    assert "its beyond-use date has passed" in (told(lambda: house.release(works[0])) or "")
    assert "its beyond-use date has passed" in (told(lambda: house.finish(works[1])) or "")
