"""The downtime pack: what stands on it, where it goes, how often, and who says that it is old."""

import os
import re
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from app import demo
from app.cli.doctor import examined
from app.main import put_together
from app.orders import actions as orders
from app.reports.downtime_queries import pack
from app.settings import Settings
from app.web.downtime import NAME, DowntimePack, why_stale, written_at
from app.web.parts import Parts
from compounding.paper import paper_steps
from compounding.procedure import label_serial
from tests.conftest import SetClock
from tests.desk import words
from tests.hospital import Hospital


@pytest.fixture
def opened(house: Hospital, tmp_path: Path, clock: SetClock) -> Callable[..., Parts]:
    def put(folder: Path | None = None, **more: object) -> Parts:
        return put_together(
            Settings(database=house.db.url, photos=tmp_path / "photos", zone=demo.ZONE, downtime=folder, **more), clock
        )  # type: ignore[arg-type]

    return put


def day(house: Hospital) -> dict[str, int]:
    """A day at the pharmacy: a dose under the hood, one that waits for its check, one released, one stopped since."""
    works = {}
    for tray, (what, recipe, patient) in enumerate(
        (("released", "MFR-01", 0), ("stopped", "MFR-06", 1), ("made", "MFR-01", 2)), 1
    ):
        works[what] = house.made(recipe, f"TRAY-0{tray}", number=f"RX{tray}", patient=patient)
        house.finish(works[what])
    for what in ("released", "stopped"):
        house.release(works[what])
    with house.db.write(house.who("petra")) as tx:
        orders.stop(tx, house.at(works["stopped"]).order.order_id, reason="seen at the bed")
    works["making"] = house.claim(house.dose(house.order("MFR-27", number="RX8", patient=1)), "TRAY-08")
    house.order("MFR-28", number="RX9", priority="STAT")
    return works


def test_the_pack_holds_what_is_due_what_is_under_way_and_what_must_not_be_given(house: Hospital) -> None:
    works = day(house)
    with house.db.read() as session:
        found = pack(session, house.db.clock())
    first = found.sheets[0]
    assert (first.order.number, first.stat, first.why_not) == ("RX9", True, "")
    assert {each.order.number for each in found.sheets} == {"RX1", "RX2", "RX3", "RX8", "RX9"} - {"RX2"}
    assert [(each.tray, each.line.work_id, each.serial) for each in found.making] == [("TRAY-08", works["making"], "")]
    (waits,) = found.to_check
    assert (waits.tray, waits.serial) == ("TRAY-03", label_serial(house.at(works["made"]).where))
    said = {bag.work_id: answer.title for bag, answer in found.released}
    assert said == {works["released"]: "Checked and released.", works["stopped"]: "Do not give."}


def test_a_sheet_says_the_volumes_that_the_hood_says(house: Hospital) -> None:
    """Part of a vial, a whole vial, and two draws: the same arithmetic on paper as on the screen."""
    wanted = {
        "MFR-01": "Draw from the vial: all of it, about 20.6 mL (30 mL syringe).",
        "MFR-27": "Draw from the vial: 15 mL in a 30 mL syringe.",
        "MFR-06": "Draw from the vial: 20 mL in a 20 mL syringe.",
    }
    for n, (recipe, said) in enumerate(wanted.items(), 1):
        sheet = house.at(house.claim(house.dose(house.order(recipe, number=f"RX{n}")), f"TRAY-0{n}")).sheet
        steps = paper_steps(sheet)
        assert said in [each.words for each in steps]
        assert not any("eigh" in each.words for each in steps)
        assert steps[0].blanks == ("Maker or NDC", "Lot", "Expiry")
        drawn = next(each for each in steps if each.words.startswith("Draw"))
        assert drawn.blanks == ("First reads (mL)", "Second reads (mL)")


def test_a_dose_that_can_not_be_planned_keeps_its_sheet_with_the_reason(house: Hospital) -> None:
    house.order(number="RX1")
    with house.db.write(house.who("petra")) as tx:
        from app.stations.models import Station

        tx.session.get_one(Station, 1).balance_readability_g = None
    with house.db.read() as session:
        (first, *_) = pack(session, house.db.clock()).sheets
    assert first.plan is None and "has no balance" in first.why_not


def test_the_page_is_whole_in_itself_and_says_how_old_it_is(
    house: Hospital, opened: Callable[..., Parts], tmp_path: Path
) -> None:
    day(house)
    folder = tmp_path / "pack"
    DowntimePack(opened(folder, test=True)).look(house.db.clock())
    assert [each.name for each in folder.iterdir()] == [NAME]
    page = folder / NAME
    assert stat.S_IMODE(page.stat().st_mode) & 0o137 == 0
    html = page.read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=|url\(|<script", html), "it must work without a server"
    said = words(html)
    for part in (
        "TEST, not for patients", "as it stood on 22-Nov-2026 09:05", "A newer one should be there by 09:20",
        "ÅNGSTRÖM, Zoë", "MRN 700101", "born 03-Feb-1961", "penicillin (rash)", "STAT", "Not checked. Do not give.",
        "Do not give. The order was stopped", "First reads (mL)", "worked out by a pharmacist", "Blank sheet",
        "prepared in downtime", "none known", "not recorded: ask",
    ):  # fmt: skip
        assert part in said, part
    assert "QUEUED" not in said and "None" not in said
    assert written_at(folder) == house.db.clock()


def test_it_is_written_every_quarter_of_an_hour_and_after_the_clock_was_set_back(
    house: Hospital, opened: Callable[..., Parts], tmp_path: Path, clock: SetClock
) -> None:
    folder = tmp_path / "pack"
    ticking = DowntimePack(opened(folder))
    first = clock.at
    for minutes, written in ((0, 0), (14, 0), (1, 15), (14, 15), (1, 30)):
        ticking.look(clock.forward(minutes=minutes))
        assert written_at(folder) == first + timedelta(minutes=written)
    clock.forward(hours=-3)
    ticking.look(clock.at)
    assert written_at(folder) == clock.at


def test_a_folder_that_can_not_be_written_to_stops_nothing_and_is_tried_again(
    house: Hospital, opened: Callable[..., Parts], tmp_path: Path, clock: SetClock
) -> None:
    folder = tmp_path / "pack"
    folder.write_text("a file stands here")
    ticking = DowntimePack(opened(folder))
    ticking.look(clock.at)
    folder.unlink()
    ticking.look(clock.forward(seconds=30))
    assert not folder.exists()
    ticking.look(clock.forward(seconds=30))
    assert written_at(folder) == clock.at


def test_without_a_folder_nothing_is_written_anywhere(
    house: Hospital, opened: Callable[..., Parts], tmp_path: Path, clock: SetClock
) -> None:
    before = set(tmp_path.iterdir())
    DowntimePack(opened(None)).look(clock.at)
    assert set(tmp_path.iterdir()) == before


def test_the_doctor_says_that_the_pack_is_missing_old_or_not_written(
    house: Hospital, opened: Callable[..., Parts], tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pack"
    assert "Set LAMINAR_DOWNTIME to a folder" in (why_stale(None, clock.at) or "")
    assert "no downtime pack" in (why_stale(folder, clock.at) or "")
    DowntimePack(opened(folder)).look(clock.at)
    assert why_stale(folder, clock.forward(minutes=30)) is None
    assert "is of 22-Nov-2026 14:05 UTC" in (why_stale(folder, clock.forward(minutes=1)) or "")
    (folder / NAME).chmod(0)
    if os.geteuid() != 0:
        assert "can not be read" in (why_stale(folder, clock.at) or "")
    found = [each.words for each in examined(Settings(database=house.db.url, photos=tmp_path / "photos"))]
    assert any("No downtime pack is written" in each for each in found)
