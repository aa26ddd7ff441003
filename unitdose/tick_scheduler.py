"""What the worker does for carts at every tick: windows whose cutoff has come, what changed, what fell short.

Each step is short or may be broken off, repeats itself, and leaves alone what another process is doing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from app.core.errors import Refused
from app.db.session import SYSTEM, Db
from unitdose.arrival_queries import Late, late
from unitdose.cart_models import Cart
from unitdose.change_queries import changed_orders, orders_of_cart, short_fills
from unitdose.models import Fill, FillRun
from unitdose.run_actions import give_up_passed, has_passed
from unitdose.scheduler import LOOK_BACK, change_orders, due, find_short, first_doses, open_fill, run

EVERY = timedelta(seconds=2)
LATE_EVERY = timedelta(seconds=15)
LATE = "late"
FIRST_DOSES_EVERY = timedelta(seconds=30)


@dataclass
class CartWatch:
    """The carts as the worker watches them: up to which instant it has looked at everything that changed."""

    db: Db
    seen_until: datetime | None = None
    first_doses_at: datetime | None = None

    def look(self, now: datetime) -> None:
        """Look once, at most every two seconds; where another process plans at this moment, again at the next tick."""
        if self.seen_until is not None and abs(now - self.seen_until) < EVERY:
            return
        try:
            self.plan_due(now)
            self.follow_changes(now)
        except Refused:
            # Another process plans; nothing was written, and nothing counts as seen.
            return

    def plan_due(self, now: datetime) -> None:
        """Open and plan every window whose cutoff has come."""
        with self.db.read() as session:
            waiting = due(session, now)
            passed = has_passed(session, now)
        if passed:
            with self.db.write(SYSTEM) as tx:
                give_up_passed(tx)
        for cart_id, start in waiting:
            with self.db.write(SYSTEM) as tx:
                fill_id = open_fill(tx, cart_id, start)
            run(self.db, fill_id)

    def follow_changes(self, now: datetime) -> None:
        """Compare open fills with what has changed since the last look, and make first doses."""
        with self.db.read() as session:
            if self.seen_until is None:
                self.seen_until = session.scalar(
                    select(FillRun.snapshot_at)
                    .join(Fill, Fill.current_run_id == FillRun.id)
                    .where(Fill.closed_at.is_(None))
                    .order_by(FillRun.snapshot_at)
                )
            since = (self.seen_until or now) - LOOK_BACK
            changed = changed_orders(session, since)
            carts = list(session.scalars(select(Cart.id).where(Cart.retired_at.is_(None)).order_by(Cart.id)))
            open_ones = session.execute(
                select(Fill.id, Fill.cart_id)
                .where(Fill.current_run_id.is_not(None), Fill.end_at > now - timedelta(hours=12))
                .order_by(Fill.id)
            ).all()
            touched = {
                fill_id: mine
                for fill_id, cart_id in open_ones
                if changed and (mine := orders_of_cart(session, cart_id, fill_id, changed))
            }
            short = short_fills(session, since)
        for fill_id, order_ids in touched.items():
            change_orders(self.db, fill_id, order_ids)
        for fill_id in short:
            find_short(self.db, fill_id)
        late = (
            self.first_doses_at is None or now - self.first_doses_at >= FIRST_DOSES_EVERY or now < self.first_doses_at
        )
        if changed or late:
            for cart_id in carts:
                first_doses(self.db, cart_id)
            self.first_doses_at = now
        self.seen_until = now


@dataclass
class LateWatch:
    """Deliveries that nobody accepts: time alone makes them late, so the worker tells the pages that show them."""

    db: Db
    looked_at: datetime | None = None
    told: tuple[Late, ...] = ()

    def look(self, now: datetime) -> None:
        """Look every quarter of a minute, and tell the pages when something has become late, or is not any more."""
        if self.looked_at is not None and timedelta(0) <= now - self.looked_at < LATE_EVERY:
            return
        with self.db.read() as session:
            found = late(session, now)
        if found != self.told:
            self.db.publish(LATE)
        self.looked_at, self.told = now, found
