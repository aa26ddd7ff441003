"""The site's table of administration times: data that a pharmacist proposes and the manager signs. Both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from app.audit.queries import verify as verify_trail
from app.core.errors import Invalid, Missing, Refused
from app.formulary.queries import drug_by_code
from app.orders import times_actions
from app.orders.models import OrderVersion, TimesChange
from app.orders.schedule import AsNeeded, Interval, Times
from app.orders.times_queries import change, changes, classes, shown_change, times_table, tried, where_of
from app.orders.times_table import ANYWHERE, DEFAULT, Row, Scope, TimesTable, Where, clock_time, clock_times
from tests.app.interop.heard import Ehr, message
from tests.conftest import NOW, SetClock
from tests.hospital import Hospital

WHY = "the P&T committee decided"


def propose(house: Hospital, code: str, how: str, scope: str = "site", key: str = "", who: str = "pablo",
            starts: datetime | None = None, **more: bool) -> int:  # fmt: skip
    with house.db.write(house.who(who)) as tx:
        return times_actions.propose_row(tx, code, scope, key, how, WHY, starts or tx.now, **more).id


def sign(house: Hospital, change_id: int, who: str = "petra") -> None:
    with house.db.read() as session:
        shown = shown_change(session, change_id)
    with house.db.write(house.who(who)) as tx:
        times_actions.sign_change(tx, change_id, house.proof(who), shown)


def table(house: Hospital, at: datetime | None = None) -> TimesTable:
    with house.db.read() as session:
        return times_table(session, at or house.db.clock())


def test_a_hospital_starts_with_the_table_of_the_product(house: Hospital) -> None:
    assert set(table(house).rows) == set(DEFAULT.rows)


def test_a_proposal_changes_nothing_until_the_manager_has_signed(house: Hospital) -> None:
    number = propose(house, "bid", "0800 2000", "unit", "7W")
    assert table(house).times("BID", Where("7W")) == clock_times("0900 2100")
    sign(house, number)
    assert table(house).times("BID", Where("7W")) == clock_times("0800 2000")
    assert table(house).times("BID", Where("ICU")) == clock_times("0900 2100")
    with house.db.read() as session:
        assert verify_trail(session).broken is None


def test_a_pharmacist_cannot_sign_and_a_technician_cannot_propose(house: Hospital) -> None:
    with pytest.raises(Refused, match="technician may not propose other administration times"):
        propose(house, "BID", "0800 2000", who="tina")
    number = propose(house, "BID", "0800 2000")
    with pytest.raises(Refused, match="may not put other administration times into force"):
        sign(house, number, "pablo")


def test_a_change_counts_from_its_day_on(house: Hospital, clock: SetClock) -> None:
    day = NOW + timedelta(days=3)
    number = propose(house, "QPM", "1730", starts=day)
    sign(house, number)
    assert table(house).times("QPM") == clock_times("1800")
    assert table(house, day - timedelta(seconds=1)).times("QPM") == clock_times("1800")
    assert table(house, day).times("QPM") == clock_times("1730")


def test_a_row_is_taken_out_and_the_wider_one_counts_again(house: Hospital) -> None:
    sign(house, propose(house, "DAILY", "1000", "unit", "7W"))
    assert table(house).times("DAILY", Where("7W")) == clock_times("1000")
    sign(house, propose(house, "DAILY", "", "unit", "7W"))
    assert table(house).times("DAILY", Where("7W")) == clock_times("0900")


def test_a_sites_own_word_may_mean_any_of_the_kinds(house: Hospital) -> None:
    for code, how, rhythm in (
        ("Q4H WA", "0600 1000 1400 1800 2200", Times(clock_times("0600 1000 1400 1800 2200"))),
        ("OTCOND", "PRN", AsNeeded()),
        ("LONG", "every 36 hours", Interval(timedelta(hours=36))),
        ("CHEMO", "0900 MWF", Times(clock_times("0900"), weekdays=(0, 2, 4))),
    ):  # fmt: skip
        sign(house, propose(house, code, how))
        row = table(house).row(code)
        assert row is not None and row.rhythm == rhythm
    with pytest.raises(Invalid, match="no times for BID"):
        propose(house, "TWICE-ISH", "BID")


@pytest.mark.parametrize(
    ("code", "how", "scope", "key", "field", "words"),
    [
        ("", "0900", "site", "", "code", "Write the code"),
        ("BID", "sometimes", "site", "", "how", "cannot be read"),
        ("BID", "0900 2100 x 5 doses", "site", "", "how", "no number of doses"),
        ("BID", "0900 2100", "unit", "", "unit", "Choose the unit"),
        ("BID", "0900 2100", "drug class", "", "key", "Choose the drug class"),
        ("BID", "0900 2100", "site", "7W", "site", "Choose the site"),
        ("BID", "0900 2100", "planet", "x", "scope", "for whom"),
        ("NOSUCH", "", "site", "", "how", "no such row"),
        ("BID", "", "unit", "7W", "how", "no such row"),
    ],
)
def test_a_proposal_that_cannot_be_is_refused_at_its_field(
    house: Hospital, code: str, how: str, scope: str, key: str, field: str, words: str
) -> None:
    with pytest.raises(Invalid) as wrong:
        propose(house, code, how, scope, key)
    assert words in wrong.value.fields[field]
    with house.db.read() as session:
        assert changes(session) == []


def test_a_proposal_needs_a_reason_and_no_day_of_before(house: Hospital) -> None:
    with house.db.write(house.who("pablo")) as tx, pytest.raises(Invalid, match="Say why"):
        times_actions.propose_row(tx, "BID", "site", "", "0800 2000", " ", tx.now)
    with pytest.raises(Invalid, match="from now on"):
        propose(house, "BID", "0800 2000", starts=NOW - timedelta(days=1))


def test_what_was_not_shown_cannot_be_signed_and_nothing_is_decided_twice(house: Hospital) -> None:
    number = propose(house, "BID", "0800 2000")
    with house.db.write(house.who("petra")) as tx, pytest.raises(Refused, match="not the one that was shown"):
        times_actions.sign_change(tx, number, house.proof("petra"), "0" * 64)
    sign(house, number)
    with pytest.raises(Refused, match="decided already"):
        sign(house, number)
    with house.db.write(house.who("petra")) as tx, pytest.raises(Missing):
        times_actions.sign_change(tx, 1, house.proof("petra"), "0" * 64)


def test_a_proposal_is_declined_by_the_manager_or_taken_back_by_its_author(house: Hospital) -> None:
    first, second = propose(house, "BID", "0800 2000"), propose(house, "TID", "0800 1400 2000")
    with house.db.write(house.who("petra")) as tx:
        times_actions.decline_change(tx, first, "wards were not asked")
    with house.db.write(house.who("pablo")) as tx:
        times_actions.decline_change(tx, second, "a slip")
    with house.db.read() as session:
        assert [each.declined for each in changes(session)] == ["a slip", "wards were not asked"]
        assert changes(session, open_only=True) == []
    third = propose(house, "QID", "0800 1200 1600 2000", who="petra")
    with house.db.write(house.who("pablo")) as tx, pytest.raises(Refused, match="may not put other"):
        times_actions.decline_change(tx, third, "not mine")
    with house.db.write(house.who("petra")) as tx, pytest.raises(Invalid, match="Say why"):
        times_actions.decline_change(tx, third, "")
    sign(house, third)
    assert table(house).times("QID") == clock_times("0800 1200 1600 2000")


def test_a_drug_belongs_to_a_class_once_that_is_signed(house: Hospital) -> None:
    with house.db.read() as session:
        drug = drug_by_code(session, "vancomycin")
        assert drug is not None
    with house.db.write(house.who("pablo")) as tx:
        number = times_actions.propose_class(tx, drug.drug_id, " Diuretic ", WHY, tx.now).id
    with house.db.read() as session:
        assert classes(session, NOW) == {}
    sign(house, number)
    with house.db.read() as session:
        assert classes(session, NOW) == {drug.drug_id: "diuretic"}
        assert where_of(session, "7W", "PO", [drug.drug_id], NOW) == Where("7W", "PO", "diuretic")
        assert where_of(session, "7W", "PO", [drug.drug_id, 999], NOW).drug_class == ""
        assert change(session, number).drug == "vancomycin"
        schedule = tried(session, "BID", Where(drug_class="diuretic"), "UTC", NOW)
        assert isinstance(schedule.rhythm, Times) and schedule.rhythm.at == clock_times("0900 1500")
        with pytest.raises(Invalid, match="cannot be read"):
            tried(session, "DOSVID", ANYWHERE, "UTC", NOW)
    with house.db.write(house.who("pablo")) as tx, pytest.raises(Invalid, match="Choose the drug"):
        times_actions.propose_class(tx, 999, "diuretic", WHY, tx.now)


def test_orders_read_before_a_change_keep_their_times_and_later_ones_follow_it(house: Hospital) -> None:
    ehr = Ehr(house).knows()
    ehr.send(message(NOW, frequency="TID"))
    sign(house, propose(house, "TID", "0800 1400 2000"))
    ehr.send(message(NOW, id="C2", number="8802", frequency="TID"))
    first, second = (order.schedule for order in ehr.orders())
    assert first is not None and second is not None
    assert (first.rhythm, second.rhythm) == (
        Times(clock_times("0900 1400 2100")), Times(clock_times("0800 1400 2000")),
    )  # fmt: skip


def test_the_record_of_the_table_is_append_only_and_complete(house: Hospital) -> None:
    sign(house, propose(house, "BID", "0800 2000"))
    for statement in ("UPDATE times_row SET rhythm = NULL", "DELETE FROM times_decision", "DELETE FROM times_change"):
        with pytest.raises(DatabaseError, match="append-only"), house.db.write(house.who("petra")) as tx:
            tx.session.execute(text(statement))
    with pytest.raises(IntegrityError), house.db.write(house.who("petra")) as tx:
        tx.session.add(TimesChange(proposed_by=None, proposed_at=tx.now, why="nobody", starts_at=tx.now))
        tx.session.flush()


def test_a_version_has_its_times_or_the_reason_by_constraint(house: Hospital) -> None:
    Ehr(house).knows().send(message(NOW))
    with house.db.read() as session:
        row = session.execute(select(OrderVersion.__table__)).mappings().one()
    for wrong in ({"schedule": None}, {"unread": "why"}, {"rhythm": "sometimes"}):
        values = {**row, "id": None, "number": 9, **wrong}
        with pytest.raises(IntegrityError), house.db.write(house.who("petra")) as tx:
            tx.session.execute(OrderVersion.__table__.insert().values({k: v for k, v in values.items() if k != "id"}))


def test_a_table_says_a_code_once_in_each_scope() -> None:
    with pytest.raises(Invalid, match="stands twice"):
        TimesTable((Row("BID", AsNeeded(), Scope.UNIT, "7W"), Row("BID", AsNeeded(), Scope.UNIT, "7w")))
    for wrong in (
        lambda: Row("bid", AsNeeded()),
        lambda: Row("BID", AsNeeded(), Scope.UNIT),
        lambda: Row("BID", AsNeeded(), Scope.SITE, "7W"),
        lambda: Row("BID", Interval(timedelta(hours=6), datetime(2026, 1, 1, tzinfo=UTC))),
    ):
        with pytest.raises(Invalid):
            wrong()
    for text_of_time in ("9", "0960", "2430", "noon", "", "09:0"):
        with pytest.raises(Invalid, match="time of day"):
            clock_time(text_of_time)
