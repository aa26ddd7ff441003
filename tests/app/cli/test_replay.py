"""Replay: what is stored is recomputed from the balance's own bytes, and every difference is said."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

import pytest
from sqlalchemy import text

from app.core.canonical import sha256
from app.db.session import Db
from app.stations.actions import Weight
from app.web.pan import raw_window
from compounding import hood_actions
from compounding.gravimetry import settled
from compounding.records import Weighed, from_text, to_text
from compounding.replay import Kept, weight_differences
from compounding.replay_queries import replay, replay_checks
from devices.protocols import PROTOCOLS
from devices.reading import Stamped
from devices.window import read_window
from tests.hospital import BALANCE, HOUSE, Hospital, hospital

READ = partial(read_window, protocol=PROTOCOLS["mt-sics"])


def window(*grams: str, epoch: int = 1, first: int = 40) -> bytes:
    """A stored window: one reading each 0.25 s, moving where a weight ends in '?'."""
    lines = []
    for i, each in enumerate(grams):
        mark = b"D" if each.endswith("?") else b"S"
        value = each.rstrip("?").rjust(10).encode()
        before = Decimal(i + 1 - len(grams)) / 4
        lines.append(f"{before:.3f} {epoch} {first + i} ".encode() + b"S " + mark + b" " + value + b" g\n")
    return b"".join(lines)


class Weighing(Hospital):
    """The pretend hospital whose balance really sent what is stored."""

    def weigh(self, work_id: int, step: str, grams: str, *, insist: bool = False, epoch: int = 1, n: int = 5) -> None:
        raw = window("0.00", "88.10?", *[grams] * n, epoch=epoch)
        weight = Weight(Decimal(grams), n, BALANCE, epoch, "mt-sics", raw)
        with self.db.write(self.who("tina")) as tx:
            hood_actions.weigh(tx, work_id, step, weight, HOUSE, insist=insist)


@pytest.fixture
def house(db: Db) -> Iterator[Hospital]:
    seeded = hospital(db)
    yield Weighing(seeded.db, seeded.people)


def told(db: Db) -> list[str]:
    with db.read() as session:
        return [words for each in replay(session) for words in each.differences]


def forge(db: Db, table: str, change: str) -> None:
    """Change what is never changed, as whoever owns the tables could."""
    with db.writer.begin() as connection:
        if db.is_sqlite:
            connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_update"))
            connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_delete"))
        else:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(text(change))


def kept(**other: object) -> Kept:
    facts = {
        "value_g": Decimal("276.40"),
        "readings": 5,
        "readability_g": Decimal("0.01"),
        "balance": BALANCE,
        "epoch": 1,
        "window": window(*["276.40"] * 5),
    }
    return Kept(**facts | other)  # type: ignore[arg-type]


def test_every_weight_and_verdict_of_a_whole_day_agrees(house: Hospital) -> None:
    house.made("MFR-01")
    house.made("MFR-27", tray="TRAY-02", number="RX1002")
    with house.db.read() as session:
        found = list(replay(session))
    assert [(each.weights, each.verdicts) for each in found] == [(2, 1), (3, 2)]
    assert [words for each in found for words in each.differences] == []
    shown = [r.facts.verdict for r in house.at(1).records if isinstance(r.facts, Weighed)]
    assert shown == [None, "within"], "a weight that only starts a difference decides nothing"


def test_the_check_weights_of_a_balance_are_read_again_from_its_bytes(house: Hospital) -> None:
    """The pretend morning's two; they are the first weighings of the database."""
    with house.db.read() as session:
        assert replay_checks(session) == (2, ())
    forge(house.db, "weighing", "UPDATE weighing SET value_g = value_g + 30000 WHERE id = 2")
    with house.db.read() as session:
        count, found = replay_checks(session)
    assert (count, len(found)) == (2, 2)
    assert "weighing 2: the stored bytes say 100.00 g, the record says 100.03 g." in found[0]
    assert "the check says 100 g, its bytes were read as 100.03 g" in found[1]


def test_whatever_was_changed_afterwards_is_told(house: Hospital) -> None:
    house.made("MFR-01")
    db = house.db
    forge(db, "weighing", "UPDATE weighing SET value_g = value_g + 1000000 WHERE id = 3")
    assert told(db) == [
        "Preparation 1, weighing 3: the stored bytes say 276.40 g, the record says 277.4 g.",
        "Preparation 1, record 4 (bag-before): the step says 276.40 g of 5 readings, its weighing 277.4 g of 5.",
    ]
    untold = "Preparation 1: record 5 (bag-after) is not as the trail tells it."
    for before, after, words in (("within", '"under"', "'under' was shown"), ("under", "null", "none was shown")):
        forge(db, "step_record", f"UPDATE step_record SET facts = replace(facts, '\"{before}\"', '{after}')")
        found = told(db)
        assert found[0] == untold
        assert found[-1] == f"Preparation 1, record 5 (bag-after): the verdict is 'within', but {words}."
    wider = """replace(worksheet, '"tolerance_percent":"', '"tolerance_percent":"1')"""
    with db.writer.begin() as connection:
        connection.execute(text(f"UPDATE preparation SET worksheet = {wider}"))
    assert told(db)[0] == "Preparation 1: the worksheet is not the one that was frozen."
    assert told(db)[-1] == (
        "Preparation 1: the worksheet can not be read: The tolerance may not be wider than the hard limit."
    )


def test_a_worksheet_that_was_written_anew_with_its_hash_is_told(house: Hospital) -> None:
    house.made("MFR-01")
    with house.db.writer.begin() as connection:
        sheet = connection.scalar(text("SELECT worksheet FROM preparation"))
        sheet = sheet.replace('"tolerance_percent":"5"', '"tolerance_percent":"4"')
        change = text("UPDATE preparation SET worksheet = :sheet, worksheet_sha256 = :sha")
        connection.execute(change, {"sheet": sheet, "sha": sha256(sheet)})
    assert told(house.db) == ["Preparation 1: the worksheet is not the one that was frozen."]


def test_raw_bytes_that_say_the_same_but_are_not_those_of_the_day_are_told(house: Hospital) -> None:
    house.made("MFR-01")
    other = "(SELECT other.window FROM weighing AS other WHERE other.id = 4)"
    forge(house.db, "weighing", f'UPDATE weighing SET "window" = {other} WHERE id = 3')
    assert "the raw bytes of weighing 3 are not those that the trail tells of" in told(house.db)[0]


def test_a_record_that_is_missing_or_was_slipped_in_is_told(house: Hospital) -> None:
    work_id = house.made("MFR-01")
    last = house.at(work_id).records[-1].number
    columns = "work_id, step, kind, facts, person_id, side, weighing_id, photo_id, lot_id, at"
    row = f"INSERT INTO step_record (number, {columns}) SELECT number + 1, {columns} FROM step_record"
    forge(house.db, "step_record", f"{row} WHERE number = {last}")
    assert told(house.db) == [f"Preparation 1: record {last + 1} (photo) was never told to the trail."]
    forge(house.db, "step_record", f"DELETE FROM step_record WHERE number >= {last}")
    assert told(house.db) == [f"Preparation 1: record {last} is missing: the trail tells of it."]


@pytest.mark.parametrize(
    "change",
    ["facts = replace(facts, ':', ';')", "facts = replace(facts, 'value_g', 'vblue_g')", "facts = '{}'"],
)
def test_a_record_made_unreadable_is_a_difference_and_the_next_preparation_is_replayed(
    house: Hospital, change: str
) -> None:
    house.made("MFR-01")
    house.made("MFR-27", tray="TRAY-02", number="RX1002")
    forge(house.db, "step_record", f"UPDATE step_record SET {change} WHERE work_id = 1 AND kind = 'weighed'")
    with house.db.read() as session:
        first, second = replay(session)
    assert "its record can not be read any more" in first.differences[-1]
    assert (second.weights, second.verdicts, second.differences) == (3, 2, ())


def test_the_readings_that_were_averaged_are_the_newest_ones() -> None:
    older = window("276.40", "276.40", "276.40", "276.40", "276.40", "276.40")
    assert weight_differences(kept(window=older), READ) == []


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"value_g": Decimal("276.41")}, "the stored bytes say 276.40 g, the record says 276.41 g"),
        ({"window": window(*["276.40"] * 3, "276.40?", "276.40")}, "the stored readings never stood still"),
        ({"window": window("276.40", "276.40")}, "5 readings were averaged, but only 2 are stored"),
        ({"epoch": 2}, "the bytes are of start 1 of the balance, the record says 2"),
        ({"window": b"once upon a time\n" * 5}, "the stored bytes can not be read: "),
        ({"readings": 3, "window": window("276.40", "276.40", "276.40")}, "the stored readings never stood still"),
    ],
)  # fmt: skip
def test_a_weight_that_its_bytes_do_not_show_is_told(other: dict[str, object], words: str) -> None:
    found = weight_differences(kept(**other), READ)
    assert len(found) == 1
    assert found[0].startswith(words)


def test_a_weight_that_decides_nothing_keeps_no_verdict() -> None:
    old = '{"balance":"SIM-0001","epoch":1,"insisted":false,"readings":5,"value_g":"276.40"}'
    facts = from_text("weighed", old)
    assert facts == Weighed(Decimal("276.40"), 5, "SIM-0001", 1, False)


def test_a_verdict_is_read_back_as_it_was_written() -> None:
    facts = Weighed(Decimal("297.37"), 5, BALANCE, 1, False, "within", Decimal("20.680473"))
    assert from_text("weighed", to_text(facts)) == facts


def test_what_the_hood_stores_is_what_replay_reads() -> None:
    parse = PROTOCOLS["mt-sics"].parse_line
    sent = [Stamped(parse(b"S S     276.40 g"), 1000 + i / 10, 7 + i, 3) for i in range(12)]
    stored = raw_window(tuple(sent))
    assert [(s.seq, s.epoch, s.reading.grams) for s in READ(stored)] == [(s.seq, 3, Decimal("276.40")) for s in sent]
    still = settled(sent, since=1000.15, readability=Decimal("0.01"))
    assert still is not None
    accepted = kept(value_g=still.value_g, readings=still.n, epoch=still.epoch, window=stored)
    assert weight_differences(accepted, READ) == []
