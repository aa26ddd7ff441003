"""Health, the door and the log: strangers hear yes or no, one proxy is believed, and no patient is ever logged."""

import io
import json
import logging
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import text
from starlette.types import Receive, Scope, Send

from app import demo, logs
from app.db.session import Db
from app.main import ROUTERS, create_app, put_together
from app.settings import Settings
from app.web.at_the_door import BodyLimit, believed, dressed
from app.web.parts import Parts
from app.worker import Worker
from tests.conftest import SetClock
from tests.hospital import hospital

CANARY = "Kanarienvögelchen"


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What the product logs during a test."""
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.set_up("debug", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:], root.level = before, level


@pytest.fixture
def parts(tmp_path: Path, sqlite_template: Path, clock: SetClock) -> Iterator[Parts]:
    shutil.copy(sqlite_template, tmp_path / "laminar.db")
    database = f"sqlite:///{tmp_path / 'laminar.db'}"
    made = put_together(Settings(database=database, photos=tmp_path / "photos"), clock)  # type: ignore[call-arg]
    yield made
    made.db.close()


def lines(said: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_the_process_lives_and_is_ready_once_its_worker_turns(parts: Parts) -> None:
    app = create_app(parts)
    with TestClient(app) as browser:
        assert browser.get("/healthz").json() == {"lives": True}
        for _ in range(200):
            if (found := browser.get("/readyz")).status_code == 200:
                break
        assert found.json() == {"ready": True}


def test_a_product_whose_worker_stands_is_not_ready_and_tells_strangers_no_more(parts: Parts) -> None:
    with TestClient(create_app(parts, worker=False)) as browser:
        found = browser.get("/readyz")
        assert (found.status_code, found.json()) == (503, {"ready": False})


def test_who_may_see_devices_is_told_what_is_lacking(parts: Parts) -> None:
    hospital(parts.db)
    with TestClient(create_app(parts, worker=False), base_url="http://desk.localhost") as browser:
        browser.post("/sign-in", data={"once": "a" * 12, "badge": demo.BADGES["petra"], "pin": demo.PIN})
        assert browser.get("/readyz").json() == {
            "ready": False,
            "lacking": ["The worker that prints and sends does not turn."],
        }


def test_a_database_that_is_gone_is_not_ready_and_the_process_still_lives(parts: Parts) -> None:
    with TestClient(create_app(parts)) as browser:
        with parts.db.writer.begin() as connection:
            connection.execute(text("DROP TABLE once"))
        assert browser.get("/readyz").status_code == 503
        assert browser.get("/healthz").status_code == 200


def scope(client: str, **headers: str) -> Scope:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "scheme": "http", "client": (client, 5), "headers": raw}


FORGED = {"host": "laminar", "x_forwarded_proto": "https", "x_forwarded_for": "192.0.2.1, 192.0.2.9",
          "x_forwarded_host": "hood.hospital.test"}  # fmt: skip


def test_the_trusted_proxy_is_believed() -> None:
    seen = believed(scope("10.0.0.2", **FORGED), "10.0.0.2")
    assert (seen["scheme"], seen["client"], dict(seen["headers"])) == (
        "https", ("192.0.2.9", 0), {b"host": b"hood.hospital.test"},
    )  # fmt: skip


@pytest.mark.parametrize("trusted", ["", "10.0.0.3"])
def test_nobody_else_is_believed_and_what_they_claim_is_dropped(trusted: str) -> None:
    seen = believed(scope("10.0.0.2", **FORGED), trusted)
    assert (seen["scheme"], seen["client"], dict(seen["headers"])) == ("http", ("10.0.0.2", 5), {b"host": b"laminar"})


def test_a_scheme_that_is_none_is_not_believed() -> None:
    assert believed(scope("10.0.0.2", x_forwarded_proto="javascript"), "10.0.0.2")["scheme"] == "http"


def test_a_body_that_is_too_large_is_refused_before_it_is_collected() -> None:
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("the application was asked")

    browser = TestClient(BodyLimit(never))
    for length in (str(BodyLimit.LARGEST + 1), "many"):
        assert browser.post("/", headers={"content-length": length}, content=b"x").status_code == 413


def test_every_request_has_one_line_with_its_route_and_never_its_address(parts: Parts, said: io.StringIO) -> None:
    pages = dressed(create_app(parts, worker=False), "")
    with TestClient(pages, follow_redirects=False) as browser:
        found = browser.get("/enrol/S3CRET-CODE?patient=Zoe")
        browser.get("/healthz")
    (line,) = [each for each in lines(said) if each["event"] == "request"]
    assert line["request"] == found.headers["x-request-id"]
    assert {"method": "GET", "route": "/enrol/{code}", "status": 303}.items() <= line.items()
    assert "S3CRET" not in said.getvalue()
    assert "Zoe" not in said.getvalue()


def test_a_canary_pushed_through_every_route_error_and_worker_is_never_logged(parts: Parts, said: io.StringIO) -> None:
    broken = APIRouter()

    @broken.get("/broken")
    def fault() -> None:
        raise KeyError(f"{CANARY} was not found")

    @broken.get("/torn")
    def torn() -> None:
        with parts.db.writer.begin() as connection:
            connection.execute(text("INSERT INTO person (name) VALUES (:name)"), {"name": CANARY})

    @broken.get("/disk")
    def disk() -> None:
        raise OSError(28, f"No space left on device: {CANARY}")

    hospital(parts.db)
    app = create_app(parts, extra=(broken,), worker=False)
    routes = [each for router in (*ROUTERS, broken) for each in router.routes if isinstance(each, APIRoute)]
    desk = {"base_url": "http://desk.localhost", "raise_server_exceptions": False, "follow_redirects": False}
    with TestClient(dressed(app, ""), **desk) as browser:  # type: ignore[arg-type]
        browser.post("/sign-in", data={"once": "a" * 12, "badge": demo.BADGES["petra"], "pin": demo.PIN})
        for route in routes:
            path = route.path
            if path == "/live":
                continue  # the stream does not end by itself
            filled = "/".join("1" if ":int" in p else CANARY if p.startswith("{") else p for p in path.split("/"))
            browser.get(f"{filled}?q={CANARY}&part={CANARY}")
            form = {"once": "b" * 12, "scan": CANARY, "reason": CANARY, "name": CANARY, "username": CANARY}
            browser.post(filled, data=form)
    worker = Worker(parts.db, parts.printer, parts.clock, parts.settings)
    worker.ticks = [failing(parts.db), worker.print_labels]
    worker.start()
    for _ in range(100):
        if '"tick"' in said.getvalue():
            break
        worker._stop.wait(0.05)
    worker.stop()
    logging.getLogger("some.library").warning("patient %s", CANARY)
    logging.getLogger("some.library").warning(f"patient {CANARY}")
    told = said.getvalue()
    assert CANARY not in told
    assert "Kanarien" not in told
    found = lines(said)
    assert {each.get("fault") for each in found} >= {"NOT NULL constraint failed", "No space left on device"}
    assert any(each.get("kind") == "KeyError" and "fault" in str(each.get("where")) for each in found)
    assert any(each.get("tick") for each in found)


def failing(db: Db) -> Any:
    def tick(now: datetime) -> None:
        raise ValueError(f"{CANARY} can not be printed")

    return tick


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("status", 200, 200),
        ("route", "/hood/{work_id:int}/scan", "/hood/{work_id:int}/scan"),
        ("kind", "Zoë Ångström", "not told here"),
        ("patient", "Rivers", None),
        ("path", "/hood/12", None),
        ("words", "(sqlite3.OperationalError) database or disk is full", None),
    ],
)
def test_only_listed_fields_pass_and_only_as_plain_text(field: str, value: Any, kept: Any) -> None:
    assert logs.safe_fields({field: value}).get(field) == kept


def test_where_a_fault_came_from_is_told_without_its_words() -> None:
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        told = logs.safe_fields({"event": "fault", "exc_info": error})
    assert told["kind"] == "ValueError"
    assert "tests/app/test_health.py" in told["where"]
    assert CANARY not in str(told)


def test_times_in_the_log_are_utc(said: io.StringIO) -> None:
    structlog.get_logger().info("started", version="0.1.0")
    (line,) = lines(said)
    assert datetime.fromisoformat(line["timestamp"]).tzinfo == UTC
    assert os.linesep not in said.getvalue().rstrip("\n")
