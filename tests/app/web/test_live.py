"""The stream of a page: it beats however much there is to say, and tells a page what it missed."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.web.live import stream
from app.web.news import REMEMBERED, News
from app.web.parts import Parts
from devices.hub import Hub
from devices.simulators import SimulatedBalance
from devices.status import State
from tests.devices.on_the_line import eventually
from tests.faults.site import site_of
from tests.hospital import BALANCE, Hospital
from tests.own_loop import alone


@pytest.fixture
def parts(house: Hospital, tmp_path: Path) -> Iterator[Parts]:
    hub = Hub()
    with SimulatedBalance(BALANCE, rate_hz=20, noise_g=Decimal(0)) as pan:
        hub.add("hood-1", pan.url, "mt-sics", BALANCE)
        with hub:
            eventually(lambda: hub.balance("hood-1").status().state is State.READY)
            yield site_of(house, tmp_path, hub).parts


async def heard(events: AsyncIterator[bytes], seconds: float) -> list[tuple[str, dict[str, Any]]]:
    """Every event within some seconds: its name and what it says."""
    found: list[tuple[str, dict[str, Any]]] = []

    async def listen() -> None:
        async for block in events:
            name, _, said = block.decode().partition("\n")
            if name.startswith("event: "):
                found.append((name.removeprefix("event: "), json.loads(said.removeprefix("data: "))))

    task = asyncio.create_task(listen())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return found


def named(found: list[tuple[str, dict[str, Any]]], name: str) -> list[dict[str, Any]]:
    return [said for each, said in found if each == name]


def test_a_page_of_weights_hears_a_beat_every_second(house: Hospital, parts: Parts) -> None:
    work_id = house.claim(house.dose(house.order()))
    found = alone(heard(stream(parts, "hood-1", [f"weigh:{work_id}"]), 3.3))
    assert len(named(found, "weight")) > 20
    assert 3 <= len(named(found, "beat")) <= 4


def test_the_device_page_hears_beats_news_and_merged_numbers_by_one_stream(parts: Parts) -> None:
    async def page() -> list[tuple[str, dict[str, Any]]]:
        asyncio.get_running_loop().call_later(0.5, parts.news.publish, "printing")
        return await heard(stream(parts, "desk-1", ["devices", "printing"]), 2.4)

    found = alone(page())
    merged = named(found, "balances")
    assert 10 < len(merged) <= 2.4 / 0.05 and merged[-1]["hood-1"]["value"] == "0.00"
    assert [said["topic"] for said in named(found, "news")] == ["printing"]
    assert 2 <= len(named(found, "beat")) <= 3


def test_a_balance_that_is_connected_later_is_heard_on_the_open_page(parts: Parts) -> None:
    with SimulatedBalance("LATE-0001", rate_hz=20, noise_g=Decimal(0)) as late:

        async def page() -> list[tuple[str, dict[str, Any]]]:
            def connect() -> None:
                parts.hub.add("hood-2", late.url, "mt-sics", "LATE-0001")
                parts.news.publish("stations")

            asyncio.get_running_loop().call_later(0.3, connect)
            return await heard(stream(parts, "desk-1", ["devices"]), 2.5)

        found = alone(page())
        parts.hub.remove("hood-2")
    assert any(said.get("hood-2", {}).get("value") == "0.00" for said in named(found, "balances"))
    assert named(found, "news") == [], "the page did not ask for news of stations"


def missed(news: News, topics: list[str], drawn: str) -> set[str]:
    async def join() -> set[str]:
        listener = news.join(topics, drawn)
        news.leave(listener)
        assert listener.woken.is_set() == bool(listener.changed)
        return set(listener.changed)

    return alone(join())


def test_a_stream_is_told_what_its_page_missed_and_nothing_that_it_shows() -> None:
    news = News()
    news.publish("work:1")
    drawn = news.mark()
    assert missed(news, ["work:1", "queue"], drawn) == set()
    news.publish("queue")
    news.publish("work:2")
    assert missed(news, ["work:1", "queue"], drawn) == {"queue"}
    assert missed(news, ["work:1", "queue"], news.mark()) == set()
    assert missed(news, ["work:1", "queue"], "") == set(), "a page without a mark hears what is told from now on"


@pytest.mark.parametrize("drawn", ["other.7", "other.", "other.x", "nonsense"])
def test_a_page_of_a_product_that_was_started_anew_looks_at_everything_again(drawn: str) -> None:
    assert missed(News(), ["work:1", "queue"], drawn) == {"work:1", "queue"}


def test_what_was_forgotten_counts_as_changed() -> None:
    news = News()
    before = news.mark()
    for number in range(REMEMBERED + 5):
        news.publish(f"work:{number}")
    assert missed(news, ["work:1", "order:9"], before) == {"work:1", "order:9"}
    assert missed(news, ["work:1", "order:9"], news.mark()) == set()
    assert missed(news, [f"work:{REMEMBERED}"], news.mark(REMEMBERED)) == {f"work:{REMEMBERED}"}
