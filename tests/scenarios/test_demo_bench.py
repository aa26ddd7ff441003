"""The bench of the pretend hospital: its hands, its balance's bytes, its orders, and the day that plays by itself."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import zxingcpp

from app import demo
from app.cli.demo import forget, welcome
from app.demo_day import HOOD, Server, Trial, trial
from app.demo_orders import DAY, message
from app.demo_picture import labelled_bag
from app.demo_play import Day, Person, until
from app.interop.hl7 import parse
from app.web.bench_table import Table, lay, next_move, perform, put_right
from compounding.recipe import Inspect, Weigh
from compounding.weighing import gauge
from tests.hospital import Hospital, hospital


@pytest.fixture
def at_the_table(db) -> Hospital:  # type: ignore[no-untyped-def]
    return hospital(db)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Trial, Server]]:
    with trial(tmp_path_factory.mktemp("day"), settle_s=0.1, second_hood=True) as made:
        server = Server(made.app, 0)
        thread = server.in_thread()
        yield made, server
        server.should_exit = True
        thread.join(10)


@pytest.mark.parametrize("recipe", ["MFR-01", "MFR-06", "MFR-27", "MFR-28"])
def test_whoever_follows_the_bench_makes_every_recipe_right(at_the_table: Hospital, recipe: str) -> None:
    house, table, on_pan = at_the_table, Table(), ""
    work_id = house.claim(house.dose(house.order(recipe)))
    for _ in range(60):
        at = house.at(work_id)
        lay(at, table)
        if at.where.current is None:
            break
        move = next_move(at, table, on_pan, lambda slot, at=at: house_code(at, slot))  # type: ignore[misc]
        match move.verb:
            case "put":
                on_pan = move.what
            case "lift":
                on_pan = ""
            case "act":
                perform(at, table, move.what)
            case "scan" if isinstance(at.where.current, Inspect):
                house.confirm(work_id, at.where.current.key)
            case "scan":
                house.scan(work_id, move.what)
            case "wait":
                assert isinstance(at.where.current, Weigh)
                house.weigh(work_id, at.where.current.key, str(table.grams[on_pan].quantize(Decimal("0.01"))))
            case "photo":
                house.photograph(work_id)
    assert house.at(work_id).where.current is None
    assert house.at(work_id).where.blockers == ()
    assert house.at(work_id).where.stops == ()


def house_code(at: object, slot: str) -> str:
    """What a scanner reads from the right container of a slot."""
    ndc = at.sheet.candidates[slot][0].ndc  # type: ignore[attr-defined]
    key = next(good.key for good in demo.GOODS if good.package == ndc)
    return demo.barcode(key, serial=f"T{len(at.records)}")  # type: ignore[attr-defined]


def test_too_much_is_seen_by_the_gauge_and_put_right_brings_it_back(at_the_table: Hospital) -> None:
    house, table = at_the_table, Table()
    work_id = house.claim(house.dose(house.order("MFR-06")))
    house.until(work_id, "syringe-full")
    at = house.at(work_id)
    lay(at, table)
    act = at.where.acts[0].key
    perform(at, table, act, Decimal(3))
    band = gauge(at.sheet, at.where, at.where.current)  # type: ignore[arg-type]
    assert band is not None
    assert table.grams["syringe"] > band.high_g
    assert next_move(at, table, "syringe", str).verb == "right"
    put_right(at, table)
    assert band.low_g <= table.grams["syringe"] <= band.high_g


def test_an_act_that_was_done_is_not_done_twice(at_the_table: Hospital) -> None:
    house, table = at_the_table, Table()
    work_id = house.claim(house.dose(house.order("MFR-06")))
    house.until(work_id, "syringe-full")
    at = house.at(work_id)
    lay(at, table)
    perform(at, table, at.where.acts[0].key)
    once = dict(table.grams)
    perform(at, table, at.where.acts[0].key)
    assert table.grams == once


@pytest.mark.parametrize("each", DAY)
def test_the_orders_of_the_day_are_messages_that_can_be_read(each) -> None:  # type: ignore[no-untyped-def]
    now = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
    names = {code: code for code in (*each.drugs, each.base[0])}
    read = parse(message(each, names, "RX1", now, now))
    assert (read.header.kind, read.header.event) == ("RDE", "O11")
    assert len(read.named("RXC")) == len(each.drugs) + 1


def test_the_pretend_camera_shows_a_label_that_can_be_read() -> None:
    picture = labelled_bag("L-0123456789", ("ÅNGSTRÖM, Zoë",))
    assert [code.text for code in zxingcpp.read_barcodes(picture)] == ["L-0123456789"]


def test_the_terminal_says_in_ten_lines_where_to_go_and_who_is_who() -> None:
    words = welcome(8080, 2575, play=False)
    assert len(words.splitlines()) <= 10
    for name in demo.CAST:
        assert demo.BADGES[name] in words
    assert "http://hood.localhost:8080" in words
    assert demo.PIN in words


def test_a_fresh_trial_removes_its_own_files_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("laminar.db", "laminar.db-wal", "photos/a.jpg", "letter.txt"):
        (tmp_path / name).write_text("x")
    forget(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["letter.txt"]


def test_a_trial_that_is_opened_again_keeps_its_doses_and_finds_its_devices(tmp_path: Path) -> None:
    with trial(tmp_path, settle_s=0.1) as first:
        work = first.people
    with trial(tmp_path, settle_s=0.1) as second:
        assert second.people == work
        with second.parts.db.read() as session:
            from app.stations.queries import station_by_code

            hood = station_by_code(session, HOOD)
            assert hood is not None
            assert hood.balance_url == second.balances[HOOD].url


def test_the_day_plays_by_itself_from_an_order_to_the_nurse(opened: tuple[Trial, Server]) -> None:
    made, server = opened
    day = Day(made, server.port, pace_s=0.05, order_every_s=600)
    assert "answered AA" in made.bench.order()
    assert until(day.verify, 20)
    day.start()
    try:
        assert until(lambda: bool(day.received), 60)
    finally:
        day.stop()
    serial = next(iter(day.received))
    assert "Received" in Person("nina", "ward-2.localhost", server.port).open(f"/scan/{serial}").text


def test_a_technicians_browser_is_not_offered_to_verify(opened: tuple[Trial, Server]) -> None:
    made, server = opened
    tina = Person("tina", "desk.localhost", server.port)
    page = tina.open("/orders")
    link = next(link for link in page.links if link.startswith("/orders/") and link[8:].isdigit())
    assert tina.open(link).form("/verify") is None


def test_every_page_of_the_pretend_hospital_is_striped(opened: tuple[Trial, Server]) -> None:
    _, server = opened
    for host in ("hood", "desk", "ward"):
        for path in ("/sign-in", "/bench"):
            page = Person("tina", f"{host}.localhost", server.port).browser.get(path)
            assert page.status == 200
            assert "SIMULATED" in page.text
