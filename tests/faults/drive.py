"""What tests of faults share: acts at the same moment, and what somebody was told."""

import threading
from collections.abc import Callable, Sequence

from app.core.errors import Invalid, Missing, Refused
from app.db.session import Replayed

TOLD = (Refused, Missing, Invalid, Replayed)


def told(act: Callable[[], object]) -> str | None:
    """Do an act; None when it was done, else the words in which it was refused."""
    try:
        act()
    except Replayed as replayed:
        return f"replayed: {replayed.location}"
    except (Refused, Missing, Invalid) as refused:
        return str(refused) or type(refused).__name__
    return None


def at_once(*acts: Callable[[], object]) -> list[str | None]:
    """Do acts in as many threads from one starting line; each answer as `told` gives it, in the order of the acts.

    Anything but a refusal in words is raised here: a race must never end in a fault.
    """
    line = threading.Barrier(len(acts))
    answers: list[str | None] = [None] * len(acts)
    faults: list[BaseException] = []

    def run(place: int, act: Callable[[], object]) -> None:
        try:
            line.wait(timeout=30)
            answers[place] = told(act)
        except BaseException as fault:  # noqa: BLE001 - it is raised again in the test's own thread
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(place, act)) for place, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    if faults:
        raise faults[0]
    return answers


def done(answers: Sequence[str | None]) -> int:
    """How many of the acts were done."""
    return sum(answer is None for answer in answers)
