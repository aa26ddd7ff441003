"""An order whose times nobody knows comes to a pharmacist, who chooses them; nobody else may, and nothing is lost."""

from datetime import UTC, datetime, timedelta

import pytest

from app.core.errors import Invalid, Refused
from app.interop.actions import remember_frequency
from app.orders import actions as orders
from app.orders.choose_actions import choose_times
from app.orders.facts import OrderFacts, differences
from app.orders.models import Dose
from app.orders.queries import doses_of, order_facts, shown_sha256
from app.orders.schedule import AsNeeded, Interval, Once, Schedule, Times
from tests.app.interop.heard import Ehr, message
from tests.conftest import NOW
from tests.hospital import Hospital

HOUR = timedelta(hours=1)


@pytest.fixture
def ehr(house: Hospital) -> Ehr:
    return Ehr(house).knows()


def only(ehr: Ehr) -> OrderFacts:
    (order,) = ehr.orders()
    return order


def choose(ehr: Ehr, how: str, first: str = "", who: str = "pablo") -> OrderFacts:
    with ehr.house.db.write(ehr.house.who(who)) as tx:
        version_id = choose_times(tx, only(ehr).version_id, how, first).id
    with ehr.house.db.read() as session:
        return order_facts(session, version_id)


def verify(ehr: Ehr) -> None:
    house = ehr.house
    with house.db.read() as session:
        shown = shown_sha256(session, only(ehr).version_id)
    with house.db.write(house.who("pablo")) as tx:
        orders.verify_as_shown(tx, only(ehr).version_id, house.proof("pablo"), shown)


def test_an_unknown_frequency_is_an_order_that_waits_for_its_times(ehr: Ehr) -> None:
    assert ehr.send(message(NOW, frequency="DOSVID", start=NOW + HOUR)) == [("applied", "order 8801: version 1")]
    order = only(ehr)
    assert (order.frequency, order.schedule, order.first_due_at) == ("DOSVID", None, None)
    assert order.unread is not None and "“DOSVID” cannot be read" in order.unread
    with pytest.raises(Refused, match="Choose the times first"):
        verify(ehr)
    assert ehr.count(Dose) == 0


@pytest.mark.parametrize("frequency", ["", "See Admin Notes", "Q4-6H", "TWICE-ISH"])
def test_whatever_names_no_clock_comes_to_the_pharmacist_too(ehr: Ehr, frequency: str) -> None:
    ehr.send(message(NOW, frequency=frequency))
    assert only(ehr).unread


def test_a_technician_cannot_choose_the_times_and_is_told_why(ehr: Ehr) -> None:
    ehr.send(message(NOW, frequency="DOSVID"))
    with pytest.raises(Refused, match="technician may not verify an order"):
        choose(ehr, "Q12H", who="tina")


def test_a_pharmacist_chooses_the_times_and_verifies_what_came_of_it(ehr: Ehr) -> None:
    ehr.send(message(NOW, frequency="DOSVID", start=NOW + HOUR))
    before = only(ehr)
    chosen = choose(ehr, "q 12 h")
    assert chosen.version == 2 and chosen.unread is None and chosen.chosen_by == "Pablo Pharmacist"
    assert chosen.schedule == Schedule(Interval(timedelta(hours=12), NOW + HOUR), NOW + HOUR)
    assert ("times", before.times, chosen.times) in differences(before, chosen)
    verify(ehr)
    with ehr.house.db.read() as session:
        due = [dose.due_at for dose in doses_of(session, chosen.version_id)]
    assert due == [NOW + HOUR + nth * timedelta(hours=12) for nth in range(4)]


def test_the_first_dose_may_stand_off_the_table(ehr: Ehr) -> None:
    ehr.send(message(NOW, frequency="DOSVID", start=NOW))
    chosen = choose(ehr, "BID", "2026-11-22T11:00")
    assert chosen.schedule is not None
    assert chosen.schedule.first_dose == datetime(2026, 11, 22, 16, tzinfo=UTC)  # 11:00 in New York
    verify(ehr)
    with ehr.house.db.read() as session:
        due = [f"{dose.due_at:%d %H:%M}" for dose in doses_of(session, chosen.version_id)]
    assert due == ["22 16:00", "23 02:00", "23 14:00", "24 02:00", "24 14:00"]  # 11:00, then 21:00 and 09:00


@pytest.mark.parametrize(
    ("how", "first", "field", "words"),
    [
        ("", "", "how", "how often"),
        ("DOSVID", "", "how", "cannot be read"),
        ("Q12H", "soon", "first", "day and time"),
        ("Q12H", "2026-11-01T09:00", "first", "before the order starts"),
        ("Q6H PRN", "2026-11-23T09:00", "first", "Nothing is planned"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_at_its_field(
    ehr: Ehr, how: str, first: str, field: str, words: str
) -> None:
    ehr.send(message(NOW, frequency="DOSVID", start=NOW))
    with pytest.raises(Invalid) as wrong:
        choose(ehr, how, first)
    assert words in wrong.value.fields[field]
    assert only(ehr).version == 1


def test_times_can_be_chosen_for_an_order_that_was_read(ehr: Ehr) -> None:
    ehr.send(message(NOW, frequency="BID", start=NOW))
    verify(ehr)
    chosen = choose(ehr, "0800 2000")
    assert isinstance(chosen.schedule and chosen.schedule.rhythm, Times) and chosen.verified_by is None
    with pytest.raises(Refused, match="has already"):
        choose(ehr, "0800, 2000")


def test_the_same_message_again_keeps_what_was_chosen_and_adds_nothing(ehr: Ehr) -> None:
    ehr.send(message(NOW, frequency="DOSVID", start=NOW))
    choose(ehr, "BID", "2026-11-22T11:00")
    ehr.send(message(NOW + HOUR, id="C2", frequency="DOSVID", said=NOW, start=NOW))
    assert only(ehr).version == 2 and only(ehr).unread is None


def test_a_change_of_the_dose_keeps_the_chosen_times_and_says_so(ehr: Ehr) -> None:
    ehr.send(message(NOW, frequency="DOSVID", start=NOW))
    choose(ehr, "Q12H")
    ehr.send(message(NOW + HOUR, "XO", id="C2", frequency="DOSVID", dose="1250", start=NOW))
    order = only(ehr)
    assert (order.version, str(order.doses["vancomycin"]), order.verified_by) == (3, "1,250 mg", None)
    assert isinstance(order.schedule and order.schedule.rhythm, Interval)
    assert any("times that a pharmacist chose" in each for each in order.warnings)


def test_a_change_of_the_frequency_counts_whatever_was_chosen_before(ehr: Ehr) -> None:
    ehr.send(message(NOW, frequency="DOSVID", start=NOW))
    choose(ehr, "Q12H")
    ehr.send(message(NOW + HOUR, "XO", id="C2", frequency="Q8H", start=NOW + HOUR))
    order = only(ehr)
    assert order.schedule is not None and order.schedule.rhythm == Interval(timedelta(hours=8), NOW + HOUR)


def test_what_a_word_means_is_remembered_for_its_sender(ehr: Ehr) -> None:
    ehr.send(message(NOW, frequency="DOSVID", start=NOW))
    with ehr.house.db.write(ehr.house.who("pablo")) as tx:
        version = choose_times(tx, only(ehr).version_id, "Q12H")
        remember_frequency(tx, "EHR", version.frequency, "Q12H")
    ehr.send(message(NOW, id="C2", number="8802", frequency="DOSVID", start=NOW))
    assert ehr.orders()[1].schedule is not None and ehr.orders()[1].chosen_by is None


def test_a_stopped_order_and_an_older_version_take_no_times(ehr: Ehr) -> None:
    ehr.send(message(NOW, frequency="DOSVID", start=NOW))
    first = only(ehr).version_id
    choose(ehr, "Q12H")
    with ehr.house.db.write(ehr.house.who("pablo")) as tx, pytest.raises(Refused, match="newer version"):
        choose_times(tx, first, "Q8H")
    ehr.send(message(NOW + HOUR, "DC", id="C2"))
    with pytest.raises(Refused, match="stopped"):
        choose(ehr, "Q8H")


def test_as_needed_orders_are_verified_and_plan_nothing(ehr: Ehr) -> None:
    ehr.send(message(NOW, frequency="Q12H PRN", start=NOW))
    order = only(ehr)
    assert order.schedule is not None and order.schedule.rhythm == AsNeeded(timedelta(hours=12))
    verify(ehr)
    assert ehr.count(Dose) == 0


def test_a_bag_that_runs_without_a_break_asks_how_often_one_is_due(ehr: Ehr) -> None:
    ehr.send(message(NOW, frequency="CONT", start=NOW))
    order = only(ehr)
    assert order.schedule is None and order.unread is not None
    assert order.unread.startswith("It runs without a break: choose how often a bag is due.")


def test_a_single_dose_that_ends_at_its_own_time_is_not_lost(ehr: Ehr) -> None:
    raw = message(NOW, frequency="ONCE", start=NOW + HOUR)
    when = raw.split(b"TQ1|")[1].split(b"|")[6]
    ehr.send(raw.replace(b"||R\r", b"|" + when + b"|R\r"))
    order = only(ehr)
    assert order.schedule == Schedule(Once(NOW + HOUR), NOW + HOUR)
    verify(ehr)
    assert ehr.count(Dose) == 1
