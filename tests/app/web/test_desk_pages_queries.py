"""What the desk's pages read, read the same on both databases."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.audit.sentences import mentioned
from app.audit.trail_queries import Asked, Checked, follow, head, pieces, trail
from app.core.errors import Invalid, Missing, Refused
from app.db.session import Db
from app.formulary.actions import approve_density, enter_density
from app.formulary.desk_queries import in_use_and_lacking, product_card
from app.formulary.queries import containers_in_use, package_in_use
from app.inventory import actions as stock
from app.inventory.desk_queries import lots, same_lots, staged_now
from app.labels.print_queries import printing_at
from app.reports.trail_queries import meant_by, names_of
from app.stations.description import read_description
from app.stations.models import Station
from app.stations.setup_actions import change_station, enrol, retire, set_up_station
from app.work.station_queries import under_way_at
from compounding.recall_queries import used_in
from compounding.recipe_queries import version, versions
from tests.conftest import NOW
from tests.desk import written
from tests.hospital import HOOD, Hospital, hospital


@pytest.fixture
def house(db: Db) -> Hospital:
    return hospital(db)


def test_everything_that_the_pages_read_is_found(house: Hospital) -> None:
    work_id = house.made()
    with house.db.write(house.who("tina")) as tx:
        stock.stage(
            tx, HOOD, package_id=1, number="7G200", expiry=NOW.date() + timedelta(days=30), quantity=Decimal(12)
        )
    recipe = written(house)
    serial = house.at(work_id).where.done["label"].facts.serial  # type: ignore[union-attr]
    with house.db.read() as session:
        assert [(s.number, s.on_hand, s.by) for s in staged_now(session)] == [("7G200", Decimal(12), "Tina Technician")]
        assert [line.number for line in lots(session, "vanco 7g2")] == ["7G200"]
        assert [line.number for line in lots(session, "100% _")] == []
        assert [each.words for each in containers_in_use(session, NOW.date())][-1] == (
            "Vancomycin Hydrochloride 1,000 mg powder vial, Hospira, Inc. (0409-6533-01)"
        )
        used = used_in(session, same_lots(session, 1))
        assert [(each.work_id, each.serial, each.find_it) for each in used] == [(work_id, serial, True)]
        printer = session.get_one(Station, HOOD).printer_url or ""
        printing = printing_at(session, printer)
        assert printing.last is not None and printing.last.serial == serial and printing.waiting == 0
        assert under_way_at(session, HOOD)
        found, before = version(session, recipe)
        assert (found.recipe.version, found.author, found.in_use) == (2, "Pablo Pharmacist", False)
        assert before is not None and before.in_use and len(versions(session)) == 5


def test_a_product_is_read_with_its_packages_and_every_density_it_had(house: Hospital) -> None:
    with house.db.write(house.who("pablo")) as tx:
        old = enter_density(tx, 1, "reconstituted", Decimal("1.02"), Decimal("0.01"), "ends", date(2026, 11, 30))
        enter_density(tx, 1, "reconstituted", Decimal("1.03"), Decimal("0.01"), "waits")
    with house.db.write(house.who("petra")) as tx:
        approve_density(tx, old)
    today, later = NOW.date(), date(2026, 12, 1)
    with house.db.read() as session:
        one = product_card(session, 1, today)
        assert one.drug is not None and one.drug.code == "vancomycin"
        assert [(each.ndc, each.used is not None) for each in one.packages] == [("0409-6533-01", True)]
        stands = {(each.source, each.standing) for each in one.densities}
        assert stands == {
            ("waits", "waits"), ("ends", "in force"), ("partial volumes, 50 mg/mL in water", "replaced"),
        }  # fmt: skip
        ended = {(each.source, each.standing) for each in product_card(session, 1, later).densities}
        assert ended == {("waits", "waits"), ("ends", "ended"), ("partial volumes, 50 mg/mL in water", "in force")}
        # What the page says is in force is what the arithmetic uses.
        for on in (today, later):
            (said,) = (d for d in product_card(session, 1, on).densities if d.standing == "in force")
            used = package_in_use(session, 1, on)
            assert used is not None and used.reconstituted is not None
            assert used.reconstituted.density_id == said.density_id
        assert {each.ndc: lacks for each, lacks in in_use_and_lacking(session, today)}["0409-6533-01"] == ()
        with pytest.raises(Missing):
            product_card(session, 999, today)


def test_words_mean_subjects_and_subjects_have_names(house: Hospital) -> None:
    work_id = house.made()
    patient = house.at(work_id).order.patient
    serial = house.at(work_id).where.done["label"].facts.serial  # type: ignore[union-attr]
    with house.db.read() as session:
        for words in (patient.mrn, patient.family.lower(), serial, "7g123", "rx1001".upper()):
            assert f"preparation {work_id}" in meant_by(session, words), words
        assert {"recipe 1"} <= meant_by(session, "mfr-01") and {"station 1"} <= meant_by(session, "hood 1")
        assert meant_by(session, "%") == meant_by(session, "Xyzzy") == frozenset()
        entries = trail(session, Asked(), limit=10_000)
        names = names_of(session, {subject for entry in entries for subject in mentioned(entry)})
        linked = {s for entry in entries if (s := entry.subject).count(" ") == 1 and s.rpartition(" ")[2].isdigit()}
        assert linked <= set(names)


def test_the_trail_is_read_by_time_and_proved_in_pieces(house: Hospital) -> None:
    with house.db.read() as session:
        newest = head(session)
        assert len(trail(session, Asked(since=NOW), limit=10_000)) == newest
        assert trail(session, Asked(until=NOW)) == ()
        assert sum(len(piece) for piece in pieces(session, Asked(person_id=0))) < newest
        known = follow(session, Checked(), limit=7)
        assert (known.seq, known.broken) == (7, None)
        assert follow(session, Checked(7, "0" * 64)).broken == "entry 7 is not the one that was verified before"
        assert follow(session, known, limit=10_000).seq == newest


def test_a_station_is_set_up_changed_enrolled_and_retired(house: Hospital) -> None:
    given = {"kind": "ward", "name": "ICU desk", "host": "icu.localhost", "px_per_mm": "6.2"}
    with house.db.write(house.who("petra")) as tx:
        number = set_up_station(tx, read_description(given)).id
        code = enrol(tx, number)
        changed = change_station(tx, number, read_description(given | {"name": "ICU"}), dose_open=True)
        assert code and changed.name == "ICU"
    with house.db.write(house.who("petra")) as tx, pytest.raises(Invalid, match="comes in under this host name"):
        set_up_station(tx, read_description(given | {"name": "Other"}))
    with house.db.write(house.who("petra")) as tx:
        retire(tx, number, "closed", dose_open=False)
        with pytest.raises(Refused, match="was retired"):
            enrol(tx, number)
        set_up_station(tx, read_description(given | {"name": "Other"}))
    for act in (set_up_station, lambda tx, d: enrol(tx, 1), lambda tx, d: retire(tx, 1, "x", dose_open=False)):
        with house.db.write(house.who("pablo")) as tx, pytest.raises(Refused, match="may not set up stations"):
            act(tx, read_description(given))
