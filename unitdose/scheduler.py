"""When carts are planned: opening a window, the long first run, the small runs after every change, and first doses.

A first run reads one consistent state, plans in memory and writes in chunks that nobody reads until its last
transaction names it current; a scan on another station waits for a chunk at most. What changed meanwhile is found
afterwards, as every later change is: by its time.
"""

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.db.session import SYSTEM, Db, Tx, Who
from app.inventory.fefo import SetAside, Want, set_aside
from app.orders.dose_actions import top_up
from app.orders.schedule import Window
from unitdose.cart_models import Cart, CartUnit
from unitdose.change_queries import on_wards, planned_doses, standing_lines, unplanned_orders
from unitdose.delta import Change, Delta, delta
from unitdose.models import Fill, FillLine
from unitdose.plan import Line, plan
from unitdose.plan_actions import change, make_drawers, set_aside_again, write_lines
from unitdose.queries import fill_facts, has_left, live, times_of
from unitdose.routes import Reason
from unitdose.run_actions import alone, beat, begin_run, fail_run, finish_run, held_fill
from unitdose.snapshot_queries import Snapshot, snapshot
from unitdose.stock_queries import free_stock
from unitdose.windows import cutoff_of, neighbours, next_to_plan, window_from

CHUNK, WRITERS = 300, 3  # lines a transaction, for which a scan waits at most; how many write at once where many can
DOSES_AT_ONCE = 200
LOOK_BACK = timedelta(seconds=20)
"""An act counts its time from its beginning and is seen from its commit on; none takes as long as this."""
STILL_GIVEN = timedelta(hours=1)


def open_fill(tx: Tx, cart_id: int, start_at: datetime) -> int:
    """Open the window of a cart that begins then, once, and return its number; a second call finds the same one.

    Raises Missing, Invalid when no window begins then, Refused when it would overlap another one.
    """
    if tx.who.person_id is not None:
        tx.who.require(May.RUN_FILL)
    cart = tx.session.get(Cart, cart_id)
    if cart is None or cart.retired_at is not None:
        raise Missing("This cart does not exist, or is not used any more.")
    times = times_of(cart)
    same = select(Fill.id).where(
        Fill.cart_id == cart_id, Fill.kind == "cart", Fill.start_at == start_at, Fill.dropped_why.is_(None)
    )
    there = tx.session.scalar(same)
    if there is not None:
        return there
    following = next_window(tx.session, cart, tx.now)
    window = following if following.start == start_at else window_from(times, start_at)
    if why := neighbours(times, window, windows_of(tx.session, cart_id)):
        raise Refused(why)
    fill = Fill(
        cart_id=cart_id,
        kind="cart",
        start_at=window.start,
        end_at=window.end,
        zone=cart.zone,
        cutoff_at=cutoff_of(times, window),
        leaves_at=window.start - times.leaves,
        exchange_at=window.start - times.exchange,
        made_at=tx.now,
    )
    tx.session.add(fill)
    try:
        tx.session.flush()
    except IntegrityError:
        raise Refused("Somebody was faster: this window was opened just now. Reload the page.") from None
    record(tx, "window opened", f"fill {fill.id}", {"cart": cart.code, "start": fill.start_at, "end": fill.end_at})
    tx.tell("fills")
    return fill.id


def windows_of(session: Session, cart_id: int) -> tuple[Window, ...]:
    """Every window that a cart was planned for, except those that were given up."""
    query = select(Fill.start_at, Fill.end_at).where(
        Fill.cart_id == cart_id, Fill.kind == "cart", Fill.dropped_why.is_(None)
    )
    return tuple(Window(start, end) for start, end in session.execute(query))


def next_window(session: Session, cart: Cart, now: datetime) -> Window:
    """The window that a cart is to be planned for next: without a gap after the last one."""
    last = max((window.end for window in windows_of(session, cart.id)), default=None)
    return next_to_plan(times_of(cart), last, now)


def due(session: Session, now: datetime) -> list[tuple[int, datetime]]:
    """The windows whose cutoff has come: (cart, start), also those whose run died before it was named current."""
    found = []
    for cart in session.scalars(select(Cart).where(Cart.retired_at.is_(None)).order_by(Cart.id)):
        waiting = select(Fill.start_at).where(
            Fill.cart_id == cart.id, Fill.kind == "cart", Fill.current_run_id.is_(None), Fill.closed_at.is_(None),
            Fill.end_at > now,
        )  # fmt: skip
        found += [(cart.id, start) for start in session.scalars(waiting)]
        window = next_window(session, cart, now)
        if cutoff_of(times_of(cart), window) <= now:
            found.append((cart.id, window.start))
    return found


def run(db: Db, fill_id: int, who: Who = SYSTEM, cause: str = "cutoff", chunk: int = CHUNK) -> int:
    """Plan a fill for the first time, or all of it again; returns the plan's version.

    Raises Missing, and Refused while another plan is under way or when the fill is closed. When it fails, or its
    process dies, the fill is as before and can be planned again.
    """
    with db.read() as session:
        fill = session.get(Fill, fill_id)
        if fill is None:
            raise Missing("This fill does not exist.")
        planned = fill.current_run_id is not None
    if planned:
        change_orders(db, fill_id, None, who, cause)
        with db.read() as session:
            return fill_facts(session, fill_id).version or 0
    with db.write(who) as tx:
        run_id = begin_run(tx, fill_id, cause).id
    try:
        return _first_run(db, fill_id, run_id, who, chunk)
    except BaseException as fault:
        with db.write(who) as tx:
            fail_run(tx, run_id, str(fault) if isinstance(fault, Refused) else "it broke off")
        raise


def _first_run(db: Db, fill_id: int, run_id: int, who: Who, chunk: int) -> int:
    with db.read() as session:
        fill = session.get_one(Fill, fill_id)
        window = _window(fill)
        units = list(session.scalars(select(CartUnit.unit_id).where(CartUnit.cart_id == fill.cart_id)))
    looked_for = DOSES_AT_ONCE
    while looked_for == DOSES_AT_ONCE:
        with db.write(SYSTEM) as tx:
            looked_for = top_up(tx, window.end, DOSES_AT_ONCE, unit_ids=units)
    with db.read() as session:
        cart = session.get_one(Cart, session.get_one(Fill, fill_id).cart_id)
        seen = snapshot(session, cart, window)
        lines = plan(seen.wanted, seen.patients, seen.shelf, cart.zone)
        lines = _not_elsewhere(lines, on_wards(session, window, FillLine.patient_id.in_(list(seen.patients))), fill_id)
        aside = allocate(lines, seen, window, cart.zone)
    steps = range(0, len(lines), chunk)
    with db.write(who) as tx:
        drawers = make_drawers(tx, fill_id, _in_bed_order(lines))
        beat(tx, run_id, 0, len(steps))

    def write(first: int) -> str:
        with db.write(who) as tx:
            _, written = write_lines(tx, run_id, fill_id, lines[first : first + chunk], aside, drawers, first)
            beat(tx, run_id, 1, len(steps))
            return written

    # PostgreSQL looks into nine other tables for every line: several chunks at once, once the first has been written.
    hashes = [write(first) for first in steps[:1]]
    with ThreadPoolExecutor(1 if db.is_sqlite else WRITERS) as writers:
        hashes += writers.map(write, steps[1:])
    with db.write(who) as tx:
        return finish_run(tx, run_id, hashes)


def _window(fill: Fill) -> Window:
    return Window(fill.start_at, fill.end_at)


def _in_bed_order(lines: Iterable[Line]) -> list[int]:
    """The patients who get a drawer, in the order of their beds: 7W-2 before 7W-10."""
    beds = {line.patient_id: (line.unit_id or 0, line.bed) for line in lines if line.packages}
    return sorted(beds, key=lambda patient: (beds[patient][0], _natural(beds[patient][1]), patient))


def _natural(bed: str) -> tuple[tuple[int, str], ...]:
    parts = "".join(c if c.isalnum() else " " for c in bed).split()
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in parts)


def allocate(lines: Sequence[Line], seen: Snapshot, window: Window, zone: str) -> dict[int, SetAside]:
    """Set packages aside for the lines that need some, by place in the list; the earliest doses first.

    A lot serves a dose only when it stays in date to the end of the window: a drawer's doses are given until then.
    """
    by_package: dict[int, list[Want]] = {}
    for nth, line in sorted(enumerate(lines), key=lambda pair: (pair[1].at or window.start, pair[0])):
        if line.packages and line.package is not None:
            until = window.end if line.at is None else max(line.at, window.end)
            by_package.setdefault(line.package.package_id, []).append(Want(nth, line.packages, until))
    return {
        found.key: found
        for package_id, wants in by_package.items()
        for found in set_aside(wants, seen.free.get(package_id, ()), zone)
    }


def change_orders(
    db: Db, fill_id: int, order_ids: Collection[int] | None, who: Who = SYSTEM, cause: str = "orders changed"
) -> int | None:
    """Compare a planned fill with the orders as they stand now (some of them, or all) and write what differs.

    One transaction; nothing is written where nothing differs. Returns the new version, None when there is none.
    Raises Missing, and Refused for a fill that is not planned yet or while another plan is under way.
    """
    with db.write(who) as tx:
        alone(tx)
        fill = held_fill(tx, fill_id)
        if fill.current_run_id is None:
            raise Refused("This cart is not planned yet. Plan it first.")
        first_doses = fill.kind == "first dose"
        before = standing_lines(tx.session, fill_id, order_ids)
        wanted = {each.order_id for each in before} if first_doses and order_ids is None else order_ids
        top_up(tx, fill.end_at, order_ids=wanted)
        cart = tx.session.get_one(Cart, fill.cart_id)
        seen = snapshot(tx.session, cart, _window(fill), wanted, first_doses=first_doses)
        lines = plan(seen.wanted, seen.patients, seen.shelf, cart.zone)
        if first_doses:
            # It holds the doses that it was made for; the later ones of the same order go their own way.
            mine = {(each.order_id, each.at) for each in before}
            lines = tuple(line for line in lines if (line.order_id, line.at) in mine)
        there = on_wards(tx.session, _window(fill), FillLine.order_id.in_({line.order_id for line in lines}))
        along = {(order_id, at) for order_id, at, of in there if of == fill_id} & {
            (line.order_id, line.at) for line in lines if line.reason is Reason.NOT_ON_UNIT
        }
        before = [each for each in before if (each.order_id, each.at) not in along]
        lines = tuple(line for line in lines if (line.order_id, line.at) not in along)
        if not first_doses:
            lines = _not_elsewhere(lines, there, fill_id)
        difference = delta(before, lines)
        aside = allocate([line for line, _ in difference.added], seen, _window(fill), cart.zone)
        bring = fill.closed_at is None and (first_doses or not has_left(tx.session, fill_id))
        written = change(tx, fill, difference, aside, cause, bring=bring)
        return None if written is None else written.version


def follow_set_up(db: Db, cart_ids: Collection[int], who: Who = SYSTEM, cause: str = "set-up changed") -> None:
    """Compare the open fills of some carts with the orders, because what was set up for the carts has changed."""
    with db.read() as session:
        query = select(Fill.id).where(
            Fill.cart_id.in_(cart_ids), Fill.closed_at.is_(None), Fill.current_run_id.is_not(None)
        )
        open_ones = list(session.scalars(query.order_by(Fill.id)))
    for fill_id in open_ones:
        change_orders(db, fill_id, None, who, cause)


def _not_elsewhere(
    lines: Iterable[Line], there: Iterable[tuple[int, datetime | None, int]], fill_id: int
) -> tuple[Line, ...]:
    """The lines without those whose packages another cart has brought: they came along with the patient."""
    brought = {(order_id, at) for order_id, at, of in there if of != fill_id}
    return tuple(line for line in lines if not line.packages or (line.order_id, line.at) not in brought)


def find_short(db: Db, fill_id: int, who: Who = SYSTEM) -> int | None:
    """Look again for packages that a fill lacks: what was delivered since. Returns the new version, None for none."""
    with db.write(who) as tx:
        alone(tx)
        fill = held_fill(tx, fill_id)
        short = tx.session.scalars(
            select(FillLine)
            .join(Fill, Fill.id == FillLine.fill_id)
            .where(FillLine.fill_id == fill_id, live(), FillLine.short > 0)
            .order_by(FillLine.due_at, FillLine.id)
        ).all()
        if not short or fill.closed_at is not None:
            return None
        free = free_stock(tx.session, {row.package_id for row in short if row.package_id is not None})
        wants: dict[int, list[Want]] = {}
        for row in short:
            assert row.package_id is not None  # a line that is short is short of something
            wants.setdefault(row.package_id, []).append(Want(row.id, row.short, fill.end_at))
        found = {
            each.key: each
            for package_id, mine in wants.items()
            for each in set_aside(mine, free.get(package_id, ()), fill.zone)
        }
        written = set_aside_again(tx, fill, found, "packages found")
        return None if written is None else written.version


def first_doses(db: Db, cart_id: int) -> int | None:
    """Make a fill of the doses that no cart brings in time, with whatever way they go; its number, or None.

    These are the verified doses due before the cart's next window that still can take them, that no fill has a line
    for: a STAT order, an order that came after its cart had left.
    """
    with db.read() as session:  # Nearly every look ends here, and nobody who writes has waited for it.
        if not _brought_by_none(session, session.get_one(Cart, cart_id), db.clock())[0]:
            return None
    with db.write(SYSTEM) as tx:
        alone(tx)
        cart = tx.session.get_one(Cart, cart_id)
        order_ids, until = _brought_by_none(tx.session, cart, tx.now)
        if not order_ids:
            return None
        top_up(tx, until, order_ids=order_ids)
        window = Window(tx.now - STILL_GIVEN, until)
        seen = snapshot(tx.session, cart, window, order_ids, first_doses=True)
        there = planned_doses(tx.session, order_ids, window)
        lines = [
            line
            for line in plan(seen.wanted, seen.patients, seen.shelf, cart.zone)
            if line.dose_id is not None and line.unit_id is not None and (line.order_id, line.at) not in there
        ]
        if not lines:
            return None
        fill = Fill(
            cart_id=cart_id,
            kind="first dose",
            start_at=window.start,
            end_at=until,
            zone=cart.zone,
            cutoff_at=tx.now,
            leaves_at=tx.now,
            exchange_at=min(line.at for line in lines if line.at is not None),
            made_at=tx.now,
        )
        tx.session.add(fill)
        tx.session.flush()
        added = tuple((line, Change.ADD) for line in lines)
        aside = allocate(lines, seen, window, cart.zone)
        change(tx, fill, Delta((), added, (), 0), aside, "first doses", bring=True)
        return fill.id


def _brought_by_none(session: Session, cart: Cart, now: datetime) -> tuple[set[int], datetime]:
    """The orders with doses that no cart brings in time, and from when on the cart brings them again."""
    until = _brought_from(session, cart, now)
    return unplanned_orders(session, cart.id, now - STILL_GIVEN, until), until


def _brought_from(session: Session, cart: Cart, now: datetime) -> datetime:
    """From when on a cart can still bring doses: its first window that has not left; before that, first doses."""
    for fill in session.scalars(
        select(Fill)
        .where(Fill.cart_id == cart.id, Fill.kind == "cart", Fill.closed_at.is_(None), Fill.end_at > now)
        .order_by(Fill.start_at)
    ):
        if not has_left(session, fill.id):
            return fill.start_at
    return next_window(session, cart, now).start
