"""The labels of a fill: which doses need one, what stands on it, who prints it where; on both databases."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from app.core.errors import Missing, Refused
from app.core.quantity import Quantity
from app.db.outbox import Outgoing
from app.labels.bedside import Source, dose_code, order_code
from app.labels.content import AS_NEEDED, EACH_DOSE
from app.labels.dose import BAG, HALF_TABLET, ORAL_BAG, ORAL_SYRINGE, SYRINGE_FLAG
from app.labels.house import House
from app.labels.kinds import texts
from app.labels.media import ALL, Media
from app.labels.models import Label
from app.labels.print_queries import printing_at
from app.labels.problems import problems
from app.labels.queries import thing_of
from app.labels.render import render
from app.labels.serial import new_serial
from app.orders.models import Patient
from app.worker import Worker
from devices.printers import printer_from_url
from tests.app.labels.bench import Read, picture, scanned
from tests.cart_room import HOUSE, CartRoom
from tests.unitdose.on_the_way import TOTE, OnTheWay
from unitdose import label_actions
from unitdose.cart_models import Cart
from unitdose.label_queries import dose_labelled, labels_of_fill, taken_for
from unitdose.label_words import Lines, contents_of, doses_of, how_given
from unitdose.labelling import Taken, dose_label, forms_of
from unitdose.queries import LineFacts, drawer_labelled, drawers_of, fill_facts
from unitdose.returns_queries import drawer_of_label

NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
TAKEN = Taken((("A7B3C", date(2027, 6, 30)),), "00300937370017")


@pytest.fixture
def printers(room: CartRoom, tmp_path: Path) -> dict[str, Path]:
    """Folders in place of the printers of cart 7W, by the labels in them."""
    folders = {media: tmp_path / media for media in ("4x3", "2.25x1.25", "4x0.5")}
    print_to(room, folders)
    return folders


def print_to(room: CartRoom, folders: dict[str, Path]) -> None:
    addresses = " ".join(f"folder:{folder}?media={media}" for media, folder in folders.items())
    with room.db.write(room.who("petra")) as tx:
        tx.session.execute(update(Cart).where(Cart.code == "7W").values(printer_url=addresses or None))


def the_worker(room: CartRoom) -> None:
    Worker(room.db, lambda url: printer_from_url(url), room.db.clock, None).print_labels(room.db.clock())


def lines_for(room: CartRoom, drug: str, dose: tuple[str, str], **how: object) -> list[LineFacts]:
    version = room.order(drug, dose, **how)
    return [line for line in room.of_order(room.planned(), version) if line.packages > 0]


def labelled(lines: Lines | list[LineFacts], form: str, house: House = HOUSE, taken: Taken = TAKEN):
    serial = new_serial(b"12345678")
    return dose_label(tuple(lines), form, taken, house, prepared_by="Tina Technician", now=NOW, serial=serial)


# --- which doses need a label, and what it says ---


@pytest.mark.parametrize(
    ("drug", "dose", "forms", "give", "shown"),
    [
        ("metoprolol tartrate", ("12.5", "mg"), (HALF_TABLET,), "Give half tablet of 25 mg", "12.5 mg"),
        ("metoprolol tartrate", ("37.5", "mg"), (HALF_TABLET,), "Give 1 and a half tablets of 25 mg", "37.5 mg"),
        ("metoprolol tartrate", ("25", "mg"), (), None, None),
        ("acetaminophen", ("650", "mg"), (ORAL_BAG,), "Give 2 tablets of 325 mg", "650 mg"),
        ("acetaminophen liquid", ("240", "mg"), (ORAL_BAG,), "Draw 7.5 mL of 2 cups of 5 mL", "240 mg (7.5 mL)"),
        ("acetaminophen liquid", ("80", "mg"), (ORAL_BAG,), "Draw 2.5 mL of 5 mL", "80 mg (2.5 mL)"),
        ("acetaminophen liquid", ("320", "mg"), (ORAL_BAG,), "Give 2 cups of 5 mL", "320 mg (10 mL)"),
        ("acetaminophen liquid", ("160", "mg"), (), None, None),
        ("vancomycin oral", ("125", "mg"), (BAG,), "", "125 mg (2.5 mL)"),
        ("methotrexate", ("7.5", "mg"), (BAG,), "Give 3 tablets of 2.5 mg", "7.5 mg"),
        ("warfarin", ("7.5", "mg"), (ORAL_BAG,), "Give 3 tablets of 2.5 mg", "7.5 mg"),
    ],
)
def test_a_dose_has_a_label_where_its_package_does_not_say_it_all(room: CartRoom, drug, dose, forms, give, shown):
    lines = lines_for(room, drug, dose)
    with room.db.read() as session:
        fill = fill_facts(session, lines[0].fill_id)
    for each in doses_of(lines):
        assert forms_of(each, fill) == forms
    for form in forms:
        label = labelled(lines[:1], form)
        assert label.give == give
        assert texts(label)["dose"] == shown
        assert problems(label) == ()


def test_a_label_says_whose_dose_it_is_what_when_and_by_whom(room: CartRoom):
    (line, *_) = lines_for(room, "metoprolol tartrate", ("12.5", "mg"), patient=3)
    label = labelled([line], HALF_TABLET)
    assert (label.patient_name, label.mrn, label.unit_bed) == ("DOGWOOD, Ivan", "700204", "7W-10-B")
    assert (label.drug, label.dose, label.route) == ("metoprolol tartrate", "12.5 mg", "by mouth")
    assert (label.due, label.use_by) == ("22-Nov-2026 21:00", "30-Jun-2027")
    assert (label.prepared_by, label.made_at) == ("Tina Technician", "22-Nov-2026 09:05")
    assert label.bedside_code == "010030093737001717270630" + "10A7B3C"
    assert "lot A7B3C" in label.product


def test_a_cold_or_hazardous_dose_shouts_it_and_says_how_to_keep_it(room: CartRoom):
    cold = labelled(lines_for(room, "vancomycin oral", ("125", "mg"), number="V1")[:1], BAG)
    assert (cold.banner, cold.storage) == ("REFRIGERATE", "Refrigerate 2 to 8 °C")
    hazardous = labelled(lines_for(room, "methotrexate", ("7.5", "mg"), number="M1")[:1], BAG)
    assert (hazardous.banner, hazardous.storage) == ("HAZARDOUS", "Room temperature")
    assert hazardous.auxiliary == ("Wear gloves, do not crush",)
    assert hazardous.high_alert


def test_a_dose_of_two_packages_has_one_label_that_names_both(room: CartRoom):
    """75 mg as 50 + 25: here prednisone 30 mg as 20 + 10, as a pharmacist may choose."""
    (line, *_) = lines_for(room, "prednisone", ("20", "mg"))
    assert line.package is not None
    other = replace(line.package, package_id=0, content=Quantity(Decimal(10), "mg"))
    order = replace(line.order, doses={"prednisone": Quantity(Decimal(30), "mg")})
    both = (replace(line, order=order), replace(line, order=order, package=other, line_id=0))
    with room.db.read() as session:
        assert forms_of(both, fill_facts(session, line.fill_id)) == (ORAL_BAG,)
    label = labelled(both, ORAL_BAG)
    assert label.give == "Give 1 tablet of 20 mg and 1 tablet of 10 mg"
    assert label.dose == "30 mg"
    assert label.bedside_code == "", "no one code says two products"
    with pytest.raises(Refused, match="make 20 mg, and 30 mg is ordered"):
        labelled(both[:1], ORAL_BAG)


def test_an_oral_syringe_that_is_not_given_whole_gets_a_flag_beside_its_label(room: CartRoom):
    (line, *_) = lines_for(room, "vancomycin oral", ("125", "mg"))
    assert line.package is not None
    warm = replace(line.package, stored="room")
    part = replace(line.order, doses={"vancomycin": Quantity(Decimal("62.5"), "mg")})
    whole = (replace(line, package=warm),)
    half = (replace(line, package=warm, units=Decimal("0.5"), order=part),)
    with room.db.read() as session:
        fill = fill_facts(session, line.fill_id)
    assert forms_of(whole, fill) == (ORAL_SYRINGE,)
    assert forms_of(half, fill) == (ORAL_SYRINGE, SYRINGE_FLAG)
    for form in forms_of(half, fill):
        label = labelled(half, form)
        assert label.give == "Draw 1.25 mL of 2.5 mL"
        assert problems(label) == ()
        assert "ORAL ONLY" in texts(label).values()


def test_a_container_of_many_doses_is_labelled_for_each_of_them(room: CartRoom):
    (line, *_) = lines_for(room, "albuterol", ("2", "puff"))
    label = labelled([line], ORAL_BAG)
    assert (label.due, label.dose, label.give) == (EACH_DOSE, "2 puffs", "")
    assert texts(label)["due"] == "for each dose as ordered"
    assert problems(label) == ()


def test_what_is_given_as_needed_has_no_due_time(room: CartRoom):
    (line, *_) = lines_for(room, "acetaminophen", ("650", "mg"))
    label = labelled([replace(line, due_at=None)], ORAL_BAG)
    assert label.due == AS_NEEDED
    assert texts(label)["due"] == "as needed"


def test_in_the_hour_that_comes_twice_the_label_names_the_zone(room: CartRoom):
    (line, *_) = lines_for(room, "metoprolol tartrate", ("12.5", "mg"))
    twice = (datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (5, 6))
    said = [labelled([replace(line, due_at=at)], HALF_TABLET).due for at in twice]
    assert said == ["01-Nov-2026 01:30 EDT", "01-Nov-2026 01:30 EST"]


def test_what_can_not_be_right_is_refused_in_words(room: CartRoom):
    (line, *_) = lines_for(room, "metoprolol tartrate", ("12.5", "mg"))
    order = line.order
    for wrong, words in (
        (replace(line, order=replace(order, verified_by=None)), "not verified"),
        (replace(line, order=replace(order, patient=replace(order.patient, born=None))), "two identifiers"),
        (replace(line, order=replace(order, doses={"metoprolol": Quantity(Decimal(25), "mg")})), "is ordered"),
    ):
        with pytest.raises(Refused, match=words):
            labelled([wrong], HALF_TABLET)
    with pytest.raises(Refused, match="Nothing is set aside"):
        labelled([line], HALF_TABLET, taken=Taken((), None))


@pytest.mark.parametrize(
    ("profile", "made", "given"),
    [
        ("order number", ("RX1", "datamatrix"), ("010030093737001717270630" + "10A7B3C", "gs1")),
        ("order number, Code 128", ("RX1", "code128"), ("010030093737001717270630" + "10A7B3C", "gs1")),
        ("order number on everything", ("RX1", "datamatrix"), ("RX1", "datamatrix")),
        ("none", ("", "datamatrix"), ("", "gs1")),
    ],
)
def test_the_site_says_what_its_bedside_scanners_expect(profile, made, given):
    source = Source("00300937370017", date(2027, 6, 30), "A7B3C")
    assert order_code(profile, "RX1") == made
    assert dose_code(profile, "RX1", source) == given
    assert dose_code("order number", "RX1", None) == ("", "gs1")
    assert dose_code("order number", "RX1", replace(source, lot="a lot/with strokes"))[0] == "010030093737001717270630"


def test_a_list_names_drug_dose_way_and_times_by_day(room: CartRoom):
    room.order("metoprolol tartrate", ("12.5", "mg"), number="A")
    room.order("acetaminophen", ("650", "mg"), number="B", frequency="Q6H")
    lines = [line for line in room.lines(room.planned()) if line.packages]
    listed = {each.what: each for each in contents_of(lines, "America/New_York")}
    half = listed["metoprolol tartrate 12.5 mg"]
    assert half.how == "give half tablet of 25 mg, by mouth"
    assert half.when == "22-Nov 21:00, 23-Nov 09:00"
    assert listed["acetaminophen 650 mg"].when.count(":") == 4


# --- drawers ---


def test_every_drawer_gets_its_label_by_itself_and_once(room: CartRoom, printers: dict[str, Path]):
    room.order("metformin", ("500", "mg"), number="P1", patient=0)
    room.order("metformin", ("500", "mg"), number="P2", patient=1)
    fill_id = unlabelled_fill(room)
    watch = label_actions.DrawerLabels(room.db, HOUSE)
    watch.look(room.db.clock())
    watch.look(room.db.clock() + timedelta(seconds=10))
    with room.db.read() as session:
        drawers = drawers_of(session, fill_id)
        made = session.scalars(select(Label).order_by(Label.serial)).all()
        assert len(made) == len(drawers) == 2
        assert all(label.made_by is None for label in made)
        assert {thing_of(session, label) for label in made} == {f"drawer {each.work_id}" for each in drawers}
        assert all(drawer_labelled(session, each.serial or "") == each for each in drawers)
    the_worker(room)
    with room.db.read() as session:
        address = session.scalars(select(Outgoing.destination)).first()
        printing = printing_at(session, address or "")
        assert printing.last is not None and printing.last.sent_at and printing.unproven == (), "no tray belongs to it"
    printed = sorted(printers["4x3"].glob("*.zpl"))
    assert len(printed) == 2
    read = {code.data.decode() for path in printed for code in scanned(picture(path.read_bytes()))}
    assert read == {each.serial for each in drawers}


def unlabelled_fill(room: CartRoom) -> int:
    """A planned fill whose drawers have no labels yet."""
    room.label = lambda fill_id: None  # type: ignore[method-assign]
    return room.planned()


def test_a_drawer_label_says_whose_it_is_what_for_and_what_comes_another_way(
    room: CartRoom, printers: dict[str, Path]
):
    room.order("metformin", ("500", "mg"), number="P1", patient=0)
    room.order("metoprolol tartrate", ("12.5", "mg"), number="P2", patient=0)
    room.order("vancomycin oral", ("125", "mg"), number="P3", patient=0, frequency="Q6H")
    room.order("docusate", ("100", "mg"), number="P4", patient=0)
    fill_id = unlabelled_fill(room)
    made = label_actions.label_drawers(room.db, fill_id, room.who("tina"), HOUSE)
    assert made == label_actions.Made(1, ())
    with room.db.read() as session:
        content = json.loads(session.scalars(select(Label.content)).one())
    assert content["kind"] == "drawer label"
    assert content["patient_name"] == "ALDER, Mona"
    assert content["drawer"] == "Drawer 1"
    assert content["count"] == "4 doses of 2 drugs"
    assert content["allergies"] == "1 allergy on record"
    assert (content["from_"], content["until"]) == ("22-Nov-2026 15:00", "23-Nov-2026 15:00")
    assert content["elsewhere"] == ["4 in the refrigerator", "2 from the cabinet"]


def test_a_cart_with_tall_labels_lists_what_is_in_the_drawer(room: CartRoom, tmp_path: Path):
    print_to(room, {"4x6": tmp_path / "tall"})
    room.order("metformin", ("500", "mg"), number="P1", patient=0)
    label_actions.label_drawers(room.db, unlabelled_fill(room), room.who("tina"), HOUSE)
    with room.db.read() as session:
        content = json.loads(session.scalars(select(Label.content)).one())
    assert content["kind"] == "tall drawer label"
    assert [each["what"] for each in content["contents"]] == ["metFORMIN 500 mg"]
    assert content["contents"][0]["when"] == "22-Nov 21:00, 23-Nov 09:00"


def test_one_drawer_that_may_not_be_labelled_holds_up_no_other(room: CartRoom, printers: dict[str, Path]):
    room.order("metformin", ("500", "mg"), number="P1", patient=0)
    room.order("metformin", ("500", "mg"), number="P2", patient=1)
    fill_id = unlabelled_fill(room)
    with room.db.write(room.who("petra")) as tx:
        tx.session.execute(update(Patient).where(Patient.mrn == "700201").values(born=None))
    made = label_actions.label_drawers(room.db, fill_id, room.who("tina"), HOUSE)
    assert made.labels == 1
    (words,) = made.refused
    assert words.startswith("Drawer 1, ALDER, Mona: The date of birth of ALDER, Mona is not known")
    watch = label_actions.DrawerLabels(room.db, HOUSE)
    for seconds in (0, 10, 20):
        watch.look(room.db.clock() + timedelta(seconds=seconds))
    assert list(watch.stuck) == [fill_id], "asked again after a while, not at every tick"


def test_a_cart_without_a_printer_says_so(room: CartRoom):
    print_to(room, {})
    room.order("metformin", ("500", "mg"))
    fill_id = unlabelled_fill(room)
    made = label_actions.label_drawers(room.db, fill_id, room.who("tina"), HOUSE)
    assert "has no label printer" in made.refused[0]
    watch = label_actions.DrawerLabels(room.db, HOUSE)
    watch.look(room.db.clock())
    assert watch.stuck == {}, "and the system does not try by itself"


def test_a_printer_with_other_labels_is_not_used(room: CartRoom, tmp_path: Path):
    print_to(room, {"2.25x1.25": tmp_path / "small"})
    room.order("metformin", ("500", "mg"))
    made = label_actions.label_drawers(room.db, unlabelled_fill(room), room.who("tina"), HOUSE)
    assert "A drawer label is 4 × 3 inch, and the printers here hold: 2.25x1.25 inch" in made.refused[0]


# --- doses ---


@pytest.fixture
def mixed(room: CartRoom, printers: dict[str, Path]) -> int:
    """A planned cart with a half tablet, a cold syringe, cups to draw from, and tablets that need no label."""
    room.order("metoprolol tartrate", ("12.5", "mg"), number="P1", patient=0)
    room.order("vancomycin oral", ("125", "mg"), number="P2", patient=1, frequency="Q6H")
    room.order("acetaminophen liquid", ("240", "mg"), number="P3", patient=2, frequency="TID")
    room.order("metformin", ("500", "mg"), number="P4", patient=3)
    return room.planned()


def test_doses_are_labelled_once_each_to_the_printer_that_holds_their_labels(
    room: CartRoom, printers: dict[str, Path], mixed: int
):
    made = label_actions.label_doses(room.db, mixed, room.who("tina"), HOUSE)
    assert made.refused == ()
    assert made.labels == 2 + 4 + 3
    assert label_actions.label_doses(room.db, mixed, room.who("tina"), HOUSE).labels == 0
    the_worker(room)
    assert len(list(printers["2.25x1.25"].glob("*.zpl"))) == 2 + 3
    assert len(list(printers["4x3"].glob("*.zpl"))) == 4 + 4, "the doses in bags, and the four drawers"


def test_a_scanned_dose_label_leads_to_its_dose_in_one_look(room: CartRoom, mixed: int):
    label_actions.label_doses(room.db, mixed, room.who("tina"), HOUSE)
    with room.db.read() as session:
        found = labels_of_fill(session, mixed)
        for each in found.doses:
            assert each.label is not None
            line = dose_labelled(session, each.label.serial)
            assert line is not None
            assert line.id == each.dose[0].line_id
            assert drawer_labelled(session, each.label.serial) is None
        for drawer in drawers_of(session, mixed):
            assert dose_labelled(session, drawer.serial or "") is None


def test_a_reprint_needs_a_reason_voids_the_old_serial_and_names_it(
    room: CartRoom, printers: dict[str, Path], mixed: int
):
    label_actions.label_doses(room.db, mixed, room.who("tina"), HOUSE)
    with room.db.read() as session:
        first = labels_of_fill(session, mixed).doses[0]
    assert first.label is not None
    old = first.label.serial
    with room.db.write(room.who("tina")) as tx, pytest.raises(Refused, match="why"):
        label_actions.print_again(tx, mixed, old, " ", HOUSE)
    with room.db.write(room.who("tina")) as tx:
        new = label_actions.print_again(tx, mixed, old, "Smudged", HOUSE).serial
    with room.db.read() as session:
        label = session.get_one(Label, new)
        assert session.get_one(Label, old).voided_at is not None
        assert (label.copy_number, label.reprint_reason, label.subject) == (2, "Smudged", first.thing)
        assert json.loads(label.content)["copy_of"] == old
        assert b"REPRINT 1" in label.job
        assert dose_labelled(session, old) is not None, "an old label still says what it was for"
    with room.db.write(room.who("tina")) as tx, pytest.raises(Missing, match="void or of another cart"):
        label_actions.print_again(tx, mixed, old, "Smudged", HOUSE)


def test_a_drawer_label_is_printed_again_the_same_way(room: CartRoom, printers: dict[str, Path]):
    room.order("metformin", ("500", "mg"))
    fill_id = unlabelled_fill(room)
    label_actions.label_drawers(room.db, fill_id, room.who("tina"), HOUSE)
    with room.db.read() as session:
        (drawer,) = drawers_of(session, fill_id)
    with room.db.write(room.who("tina")) as tx:
        label_actions.print_again(tx, fill_id, drawer.serial or "", "Lost", HOUSE)
    with room.db.read() as session:
        (now,) = drawers_of(session, fill_id)
        assert now.serial != drawer.serial
        assert session.scalar(select(func.count()).where(Label.voided_at.is_(None))) == 1
        waiting = session.scalars(select(Outgoing.identity)).all()
    assert f"label {now.serial}" in waiting


@pytest.mark.parametrize("name", ["nina"])
def test_whoever_does_not_pick_prints_no_labels(room: CartRoom, mixed: int, name: str):
    acts: list[Callable[[], object]] = [
        lambda: label_actions.label_drawers(room.db, mixed, room.who(name), HOUSE),
        lambda: label_actions.label_doses(room.db, mixed, room.who(name), HOUSE),
    ]
    for act in acts:
        with pytest.raises(Refused, match="may not pick"):
            act()
    with room.db.write(room.who(name)) as tx, pytest.raises(Refused, match="may not pick"):
        label_actions.print_again(tx, mixed, "L-0000000000", "why", HOUSE)


def test_the_lot_that_was_put_counts_before_the_lot_that_was_set_aside(room: CartRoom, mixed: int):
    with room.db.read() as session:
        found = labels_of_fill(session, mixed)
        before = taken_for(session, [each.dose for each in found.doses])
    assert all(each.lots for each in before.values())
    assert all(each.gtin14 for each in before.values())
    room.picked(mixed)
    with room.db.read() as session:
        found = labels_of_fill(session, mixed)
        after = taken_for(session, [each.dose for each in found.doses])
    assert after == before


def test_every_label_of_a_mixed_cart_prints_and_scans(room: CartRoom, printers: dict[str, Path], mixed: int):
    label_actions.label_doses(room.db, mixed, room.who("tina"), HOUSE)
    the_worker(room)
    with room.db.read() as session:
        serials = {each.label.serial for each in labels_of_fill(session, mixed).doses if each.label}
    read = set()
    for media, folder in printers.items():
        for path in folder.glob("*.zpl"):
            read |= {code.data.decode() for code in scanned(picture(path.read_bytes(), 8, printed_on(media)))}
    assert serials <= read


def printed_on(media: str) -> Media:
    return ALL[media]


def test_a_packed_tote_says_where_it_goes_and_what_is_in_it(room: CartRoom, printers: dict[str, Path], mixed: int):
    room.picked(mixed)
    room.signed(mixed)
    drawers = room.released(mixed)
    way = OnTheWay(room)
    for work_id in drawers[:2]:
        way.load(work_id)
    with room.db.write(room.who("tina")) as tx:
        first = label_actions.label_tote(tx, TOTE, HOUSE).serial
    way.load(drawers[2])
    with room.db.write(room.who("tina")) as tx:
        second = label_actions.label_tote(tx, f"]d1{TOTE}", HOUSE).serial
    with room.db.read() as session:
        label, before = session.get_one(Label, second), session.get_one(Label, first)
    content = json.loads(label.content)
    assert (content["tote"], content["to"]) == (TOTE, "7 West, medicine")
    assert content["holds"] == ["3 drawers: 1, 2, 3"]
    assert before.voided_at is not None
    assert (label.copy_number, content["copy_of"], label.reprint_reason) == (2, first, "packed anew")
    assert scanned(picture(label.job)) == {Read("]d1", TOTE.encode())}
    way.leave()
    way.arrive()
    with room.db.write(room.who("tina")) as tx, pytest.raises(Refused, match="No drawer is in"):
        label_actions.label_tote(tx, TOTE, HOUSE)


def test_a_dose_that_comes_back_by_its_own_label_is_of_its_drawer(room: CartRoom, mixed: int):
    label_actions.label_doses(room.db, mixed, room.who("tina"), HOUSE)
    with room.db.read() as session:
        for each in labels_of_fill(session, mixed).doses:
            assert each.label is not None
            drawer = drawer_of_label(session, each.label.serial)
            assert drawer is not None
            assert drawer.work_id == each.dose[0].work_id


def test_two_who_label_a_cart_at_once_make_one_label_for_each_drawer(room: CartRoom, printers: dict[str, Path]):
    for patient in range(4):
        room.order("metformin", ("500", "mg"), number=f"P{patient}", patient=patient)
    fill_id = unlabelled_fill(room)
    with ThreadPoolExecutor(2) as both:
        rounds = [both.submit(label_actions.label_drawers, room.db, fill_id, room.who("tina"), HOUSE) for _ in range(2)]
        made = [each.result() for each in rounds]
    with room.db.read() as session:
        live = select(func.count()).select_from(Label).where(Label.voided_at.is_(None))
        assert session.scalar(live) == len(drawers_of(session, fill_id)) == sum(each.labels for each in made)


def test_how_a_dose_is_given_is_empty_where_the_package_is_the_dose(room: CartRoom):
    lines = lines_for(room, "metformin", ("500", "mg"))
    assert how_given((lines[0],)) == ""
    assert render(labelled(lines[:1], ORAL_BAG))


