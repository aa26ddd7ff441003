"""Acts at the same moment: an order that stops, two pharmacists, two technicians, one tray, one container, one tap."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import func, select

from app import demo
from app.audit.queries import of_subject
from app.core.workflow import State
from app.db.session import OnceKey, Tx, Who
from app.orders import actions as orders
from app.orders.models import OrderVersion
from app.orders.queries import doses_of
from app.work.models import WorkItem
from compounding import check_actions, hood_actions, scan_actions
from compounding.review import shown_sha256
from tests.faults.drive import at_once, done, told
from tests.hospital import HOOD, HOUSE, Hospital

THREADS = 8
ORDERS = 7  # with four doses each: 28 releases that meet a stop, on each database


def at_hood(house: Hospital, name: str) -> Who:
    return demo.who(name, house.people, HOOD)


def made_and_signed(house: Hospital, tray: str = "TRAY-01", **how: object) -> int:
    work_id = house.made(tray=tray, **how)
    house.finish(work_id)
    return work_id


def order_of(house: Hospital, work_id: int) -> int:
    return house.at(work_id).order.order_id


def stop(house: Hospital, order_id: int) -> None:
    with house.db.write(house.who("petra")) as tx:
        orders.stop(tx, order_id)


def release(
    house: Hospital, work_id: int, by: str, shown: str, before_the_end: Callable[[], None] = lambda: None
) -> None:
    with house.db.write(house.who(by)) as tx:
        tx.at_the_end(before_the_end)
        check_actions.release(tx, work_id, house.proof(by), shown)


def numbers(house: Hospital, work_id: int) -> dict[str, int]:
    """When the release and the stop stand in the trail; 0 for what did not happen."""
    with house.db.read() as session:
        released = [e.seq for e in of_subject(session, f"preparation {work_id}") if e.action == "released"]
        stopped = [e.seq for e in of_subject(session, f"order {order_of(house, work_id)}") if "discont" in e.action]
    return {"released": max(released, default=0), "stopped": max(stopped, default=0)}


@contextmanager
def held_before_its_end(act: Callable[[Callable[[], None]], None]) -> Iterator[None]:
    """Run an act in a thread of its own up to the moment before its commit, and let it end with the block."""
    reached, go = threading.Event(), threading.Event()
    faults: list[BaseException] = []

    def wait() -> None:
        reached.set()
        go.wait(timeout=30)

    def run() -> None:
        try:
            act(wait)
        except BaseException as fault:  # noqa: BLE001 - raised again below
            faults.append(fault)
            reached.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert reached.wait(timeout=30)
    try:
        yield
    finally:
        go.set()
        thread.join(timeout=60)
    if faults:
        raise faults[0]


def test_a_stop_that_comes_before_the_commit_of_a_release_waits_and_then_stops_a_released_dose(house: Hospital) -> None:
    work_id = made_and_signed(house)
    order_id, shown = order_of(house, work_id), shown_sha256(house.at(work_id))
    stopping = threading.Thread(target=stop, args=(house, order_id))
    with held_before_its_end(lambda wait: release(house, work_id, "pablo", shown, wait)):
        stopping.start()
        stopping.join(timeout=0.2)
        assert stopping.is_alive(), "the stop waits for the release that holds the order"
    stopping.join(timeout=30)
    when = numbers(house, work_id)
    assert house.at(work_id).state is State.RELEASED and 0 < when["released"] < when["stopped"]


def test_a_release_that_comes_before_the_commit_of_a_stop_waits_and_is_then_refused(house: Hospital) -> None:
    work_id = made_and_signed(house)
    order_id, shown = order_of(house, work_id), shown_sha256(house.at(work_id))
    answers: list[str | None] = []

    def stopping(wait: Callable[[], None]) -> None:
        with house.db.write(house.who("petra")) as tx:
            tx.at_the_end(wait)
            orders.stop(tx, order_id)

    releasing = threading.Thread(
        target=lambda: answers.append(told(lambda: release(house, work_id, "pablo", shown)))
    )
    with held_before_its_end(stopping):
        releasing.start()
        releasing.join(timeout=0.2)
        assert releasing.is_alive(), "the release waits for the stop that holds the order"
    releasing.join(timeout=30)
    assert answers[0] is not None and ("stopped" in answers[0] or "changed" in answers[0])
    assert house.at(work_id).state is State.MADE


def test_a_dose_is_released_only_if_its_order_was_current_however_release_and_stop_meet(house: Hospital) -> None:
    chance = random.Random(20261122)
    met = {"released": 0, "refused": 0}
    for number in range(ORDERS):
        version_id = house.order(number=f"RX{2000 + number}", patient=number % 3)
        with house.db.read() as session:
            dose_ids = [dose.id for dose in doses_of(session, version_id)]
        works = []
        for place, dose_id in enumerate(dose_ids):
            works.append(house.claim(dose_id, f"TRAY-{number}{place}"))
            while house.step(works[-1]):
                pass
            house.finish(works[-1])
        shown = {work_id: shown_sha256(house.at(work_id)) for work_id in works}
        order_id = order_of(house, works[0])

        def releasing(work_id: int, pause: float) -> None:
            time.sleep(pause)
            release(house, work_id, chance.choice(("pablo", "petra")), shown[work_id])  # noqa: B023

        acts = [lambda w=w, p=chance.random() * 0.02: releasing(w, p) for w in works]
        late = chance.random() * 0.02
        answers = at_once(*acts, lambda: (time.sleep(late), stop(house, order_id)))  # noqa: B023
        assert answers[-1] is None
        for work_id, answer in zip(works, answers, strict=False):
            when, state = numbers(house, work_id), house.at(work_id).state
            if answer is None:
                met["released"] += 1
                assert state is State.RELEASED and 0 < when["released"] < when["stopped"]
            else:
                met["refused"] += 1
                assert state is State.MADE and when["released"] == 0 and when["stopped"]
    assert sum(met.values()) >= 4 * ORDERS


def test_of_eight_pharmacists_who_release_at_once_one_does_and_the_others_are_told(house: Hospital) -> None:
    for number in range(3):
        work_id = made_and_signed(house, f"TRAY-0{number}", number=f"RX{number}")
        shown = shown_sha256(house.at(work_id))
        answers = at_once(
            *(lambda by=by: release(house, work_id, by, shown) for by in ("pablo", "petra") * (THREADS // 2))  # noqa: B023
        )
        assert done(answers) == 1
        assert all("Somebody was faster" in a or "checked and released" in a for a in answers if a is not None)
        with house.db.read() as session:
            assert [e.action for e in of_subject(session, f"preparation {work_id}")].count("released") == 1


def test_of_release_refusal_and_sending_back_at_once_exactly_one_happens(house: Hospital) -> None:
    for number in range(3):
        work_id = made_and_signed(house, f"TRAY-0{number}", number=f"RX{number}")
        shown = shown_sha256(house.at(work_id))

        def refuse(work_id: int = work_id, shown: str = shown) -> None:
            with house.db.write(house.who("petra")) as tx:
                check_actions.refuse(tx, work_id, house.proof("petra"), "photo blurred", "discarded", shown)

        def send_back(work_id: int = work_id) -> None:
            with house.db.write(house.who("petra")) as tx:
                check_actions.send_back(tx, work_id, "photo", "photo blurred")

        def take_back(work_id: int = work_id) -> None:
            with house.db.write(house.who("tina")) as tx:
                check_actions.take_back(tx, work_id, "label crooked")

        answers = at_once(
            lambda: release(house, work_id, "pablo", shown), refuse, send_back, take_back  # noqa: B023
        )
        assert done(answers) == 1, answers


def test_two_who_claim_one_dose_get_one_dose(house: Hospital) -> None:
    for number in range(3):
        dose_id = house.dose(house.order(number=f"RX{number}"))

        def claim(name: str, tray: str, dose_id: int = dose_id) -> None:
            with house.db.write(at_hood(house, name)) as tx:
                hood_actions.claim(tx, dose_id, tray, HOUSE)

        trays = [f"TRAY-{number}{place}" for place in range(THREADS)]
        names = ("tina", "pablo") * (THREADS // 2)
        answers = at_once(*(lambda n=n, t=t: claim(n, t) for n, t in zip(names, trays, strict=True)))
        assert done(answers) == 1
        assert all("Somebody was faster" in answer for answer in answers if answer is not None), answers
        with house.db.read() as session:
            live = select(func.count()).where(WorkItem.dose_id == dose_id, WorkItem.is_live == 1)
            assert session.scalar(live) == 1


def test_one_tray_holds_one_dose_even_when_two_claim_with_it_at_once(house: Hospital) -> None:
    for number in range(3):
        doses = [house.dose(house.order(number=f"RX{number}{place}", patient=place % 3)) for place in range(4)]

        def claim(dose_id: int, number: int = number) -> None:
            with house.db.write(house.who("tina")) as tx:
                hood_actions.claim(tx, dose_id, f"TRAY-0{number}", HOUSE)

        answers = at_once(*(lambda d=d: claim(d) for d in doses))
        assert done(answers) == 1
        assert all("This tray holds another dose" in answer for answer in answers if answer is not None), answers


def test_a_step_and_the_signature_that_would_cover_it_never_miss_each_other(house: Hospital) -> None:
    outcomes = set()
    for number in range(6):
        work_id = house.made(tray=f"TRAY-0{number}", number=f"RX{number}")

        def again(work_id: int = work_id) -> None:
            with house.db.write(house.who("tina")) as tx:
                hood_actions.redo(tx, work_id, "photo", "crooked")

        answers = at_once(lambda: house.finish(work_id), again)  # noqa: B023
        assert done(answers) == 1, answers
        outcomes.add(answers[0] is None)
        at = house.at(work_id)
        assert (at.state is State.MADE) == (answers[0] is None)
        assert (at.state is State.MADE) == ("photo" in at.where.done)
    assert outcomes


def test_a_step_waits_for_the_signature_that_is_being_written(house: Hospital) -> None:
    work_id = house.made()
    answers: list[str | None] = []

    def signing(wait: Callable[[], None]) -> None:
        with house.db.write(house.who("tina")) as tx:
            tx.at_the_end(wait)
            check_actions.finish(tx, work_id, house.proof("tina"))

    def again() -> None:
        with house.db.write(house.who("tina")) as tx:
            hood_actions.redo(tx, work_id, "photo", "crooked")

    redoing = threading.Thread(target=lambda: answers.append(told(again)))
    with held_before_its_end(signing):
        redoing.start()
        redoing.join(timeout=0.2)
    redoing.join(timeout=30)
    assert answers == ["This preparation is not being made now. Go to the worklist."]
    assert house.at(work_id).state is State.MADE


def test_one_container_scanned_at_two_doses_at_once_goes_into_one(house: Hospital) -> None:
    for number in range(3):
        works = []
        for place, name in enumerate(("tina", "pablo")):
            dose_id = house.dose(house.order(number=f"RX{number}{place}", patient=place))
            with house.db.write(at_hood(house, name)) as tx:
                works.append((name, hood_actions.claim(tx, dose_id, f"TRAY-{number}{place}", HOUSE)))
        code = demo.barcode("vial", serial=f"ONE{number}")

        def scan(name: str, work_id: int, code: str = code) -> None:
            with house.db.write(at_hood(house, name)) as tx:
                scan_actions.scan(tx, work_id, code, HOUSE)

        at_once(*(lambda n=n, w=w: scan(n, w) for n, w in works))
        taken = [work_id for _, work_id in works if house.at(work_id).where.bound]
        stopped = [house.at(work_id).where.stop for _, work_id in works if work_id not in taken]
        assert len(taken) == 1
        assert stopped[0] is not None and "another dose's tray" in stopped[0].remedy


def tap(house: Hospital, key: str, fingerprint: str, act: Callable[[Tx], None]) -> None:
    with house.db.write(house.who("tina"), OnceKey(key, fingerprint), "/hood/1") as tx:
        act(tx)


def test_the_same_tap_counts_once_and_leads_to_the_same_place(house: Hospital) -> None:
    work_id = house.claim(house.dose(house.order()))
    code = demo.barcode("vial", serial="S1")
    act = lambda tx: scan_actions.scan(tx, work_id, code, HOUSE)  # noqa: E731
    assert told(lambda: tap(house, "one-tap-0001", "same", act)) is None
    assert told(lambda: tap(house, "one-tap-0001", "same", act)) == "replayed: /hood/1"
    assert len(house.at(work_id).records) == 1


def test_the_same_tap_sent_eight_times_at_once_counts_once(house: Hospital) -> None:
    work_id = house.claim(house.dose(house.order()))
    for number in range(3):
        before = len(house.at(work_id).records)
        act = lambda tx: hood_actions.ask_for_help(tx, work_id, "look here")  # noqa: E731
        answers = at_once(*(lambda n=number: tap(house, f"one-tap-{n:04}", "same", act) for _ in range(THREADS)))  # noqa: B023
        assert done(answers) == 1
        assert set(answers) == {None, "replayed: /hood/1"}
        assert len(house.at(work_id).records) == before + 1


def test_a_page_used_twice_for_different_things_is_refused_and_does_nothing(house: Hospital) -> None:
    work_id = house.claim(house.dose(house.order()))
    act = lambda tx: hood_actions.ask_for_help(tx, work_id, "look here")  # noqa: E731
    tap(house, "one-tap-0001", "help", act)
    answers = at_once(*(lambda: tap(house, "one-tap-0001", "other", act) for _ in range(4)))
    assert all(answer is not None and "already used for something else" in answer for answer in answers)
    assert len(house.at(work_id).records) == 1


def test_a_refused_tap_is_not_kept_and_may_be_sent_again(house: Hospital) -> None:
    work_id = house.claim(house.dose(house.order()))
    wrong = lambda tx: hood_actions.confirm(tx, work_id, "inspect", HOUSE)  # noqa: E731
    right = lambda tx: hood_actions.ask_for_help(tx, work_id, "look here")  # noqa: E731
    assert "nothing to confirm" in (told(lambda: tap(house, "one-tap-0001", "a", wrong)) or "")
    assert told(lambda: tap(house, "one-tap-0001", "a", right)) is None


def test_two_stops_of_one_order_at_once_are_one_version(house: Hospital) -> None:
    version_id = house.order()
    with house.db.read() as session:
        order_id = session.get_one(OrderVersion, version_id).order_id
    answers = at_once(*(lambda: stop(house, order_id) for _ in range(THREADS)))
    assert done(answers) == THREADS
    with house.db.read() as session:
        assert session.scalar(select(func.count()).where(OrderVersion.order_id == order_id)) == 2
