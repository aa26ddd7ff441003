"""From a scan to the new fragment, on the server's side: the post of the scan, then the page that it leads to."""

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app import demo
from tests.benchmarks.databases import Hood
from tests.benchmarks.results import Limit, Row, Spread, spread
from tests.benchmarks.serving import Served
from tests.benchmarks.tablets import Tablet, signed_in

A_DOSE = 6  # scans at the hood until the first weighing: three containers, and after each a wrong one
COMMITS, TAIL = 30, 3
_serials = itertools.count(1)


@dataclass(frozen=True)
class Timed:
    """The seconds of each scan: its post alone, and post and page together.

    `rate`: scans a second of all hoods together; `cpu_ms`: the server's processor time for a scan, with all around it.
    """

    posts: list[float]
    whole: list[float]
    rate: float = 0
    cpu_ms: float = 0


def scans_of_a_dose() -> Iterator[str]:
    """What a scanner reads while a dose of vancomycin is made: the right container, then a wrong product."""
    for key in ("vial", "diluent", "bag"):
        yield demo.barcode(key, serial=f"S{next(_serials)}")
        yield demo.barcode("litre", serial=f"S{next(_serials)}")


def one_dose(tablet: Tablet, hood: Hood, dose_id: int) -> Timed:
    """Claim a dose, scan, and reject it, as a technician would; only the scans are timed."""
    posts, whole = [], []
    page = tablet.post("/hood/scan", scan=hood.tray, dose=str(dose_id)).location
    tablet.get(page)
    for scan in scans_of_a_dose():
        begun = time.perf_counter()
        answer = tablet.post(f"{page}/scan", scan=scan)
        shown = tablet.get(answer.location)
        whole.append(time.perf_counter() - begun)
        posts.append(answer.seconds)
        if b'id="step"' not in shown.body:
            raise RuntimeError(f"The page after a scan shows no step: {answer.location}")
    tablet.post(f"{page}/drop", reason="Contaminated")
    return Timed(posts, whole)


def at_hoods(server: Served, hoods: Sequence[Hood], skip: int, doses: int, most_s: float) -> Timed:
    """Scan at all hoods at once, each as fast as it is answered; the first dose of each warms up and is not counted.

    After `most_s` seconds no hood begins another dose.
    """
    tablets = [signed_in(server.port, hood) for hood in hoods]
    for tablet, hood in zip(tablets, hoods, strict=True):
        one_dose(tablet, hood, hood.doses[skip])
    found: list[Timed] = []
    faults: list[Exception] = []
    line = threading.Barrier(len(hoods) + 1)
    until = time.perf_counter() + most_s

    def work(tablet: Tablet, hood: Hood) -> None:
        line.wait()
        try:
            for dose in hood.doses[skip + 1 : skip + 1 + doses]:
                found.append(one_dose(tablet, hood, dose))
                if time.perf_counter() > until:
                    return
        except Exception as fault:  # noqa: BLE001 - it is raised again where the measurement is asked for
            faults.append(fault)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(tablets, hoods, strict=True)]
    for thread in threads:
        thread.start()
    line.wait()
    begun, used = time.perf_counter(), server.cpu_s()
    for thread in threads:
        thread.join()
    took, used = time.perf_counter() - begun, server.cpu_s() - used
    for tablet in tablets:
        tablet.close()
    if faults:
        raise faults[0]
    posts, whole = [s for each in found for s in each.posts], [s for each in found for s in each.whole]
    return Timed(posts, whole, len(whole) / took, used / len(whole) * 1000)


def rows(database: str, raw: Spread, one: Timed, eight: Timed) -> list[Row]:
    """The lines of one database."""
    lines = []
    for what, name in (("posts", "scan, post alone"), ("whole", "scan → new fragment")):
        at_one, at_eight = spread(getattr(one, what)), spread(getattr(eight, what))
        commits = Limit("raw durable commits (p50)", at_one.p50 / raw.p50, COMMITS)
        tail = Limit("its own p50 (p99)", at_eight.p99 / at_eight.p50, TAIL)
        lines += [
            Row(f"{name}, 1 station, {database}", at_one, f"{one.cpu_ms:.1f} ms of processor time a scan", commits),
            Row(f"{name}, 8 stations, {database}", at_eight, f"{eight.rate:,.0f} scans/s in all", tail),
        ]
    return lines
