"""Containers of many doses on a ward: an inhaler, a pen, drops. One comes, serves many doses, is counted, and goes.

The plan brings the next one when what is left in it, or its days in use, will not last the window (unit-dose reference
§2.6). So what stands on the ward is written down by itself: when it is delivered, when it is missing, when it returns.
"""

from collections.abc import Collection
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update

from app.audit.actions import record
from app.core.errors import Invalid, Refused
from app.core.permissions import May
from app.db.session import Tx
from app.formulary.models import UnitDose
from app.orders.models import Dose
from unitdose.cart_models import InUse
from unitdose.container_queries import standing_for
from unitdose.models import Fill, FillLine
from unitdose.queries import line_facts


def came(tx: Tx, line_ids: Collection[int]) -> None:
    """Containers among what has just come to the ward stand opened for their orders from now on, counted as full.

    Doses that were due between the line's own and its coming late are taken for given from it.
    """
    query = (
        select(FillLine, UnitDose.uses, Fill.zone)
        .join(UnitDose, UnitDose.package_id == FillLine.package_id)
        .join(Fill, Fill.id == FillLine.fill_id)
        .where(FillLine.id.in_(list(line_ids)), UnitDose.uses.is_not(None))
        .order_by(FillLine.id)
    )
    for line, uses, zone in tx.session.execute(query).all():
        assert uses is not None and line.package_id is not None
        given = select(func.count(Dose.id)).where(
            Dose.order_id == line.order_id, Dose.due_at >= line.due_at, Dose.due_at < tx.now
        )
        late = tx.session.scalar(given) if line.due_at is not None else 0
        left = max(Decimal(0), uses - (line.units or Decimal(0)) * (late or 0))
        _end(tx, line.order_id, line.package_id)
        tx.session.add(
            InUse(
                order_id=line.order_id,
                package_id=line.package_id,
                line_id=line.id,
                opened_on=tx.now.astimezone(ZoneInfo(zone)).date(),
                uses_left=left,
                counted_at=tx.now,
            )
        )
        tx.session.flush()
        record(tx, "container opened", f"order {line.order_id}", {"line": line.id, "uses_left": left})


def gone(tx: Tx, line_ids: Collection[int]) -> None:
    """What lines brought does not stand on the ward any more: it is missing, rejected, or came back."""
    query = update(InUse).where(InUse.line_id.in_(list(line_ids)), InUse.ended_at.is_(None)).values(ended_at=tx.now)
    for order_id, line_id in tx.session.execute(query.returning(InUse.order_id, InUse.line_id)).all():
        record(tx, "container gone", f"order {order_id}", {"line": line_id})
        tx.tell("fills")


def count(tx: Tx, line_id: int, left: Decimal) -> None:
    """Note how much a nurse found left in the container that serves a dose; 0 for one that is empty or out of date.

    The next cart then brings another one in time. A container that nobody has noted before (it stood on the ward before
    the product did) stands opened from now on. Raises Refused where the dose has no container, and Invalid.
    """
    tx.who.require(May.RECEIVE_DOSE)
    line = line_facts(tx.session, [line_id]).get(line_id)
    if line is None or line.package is None or line.package.uses is None:
        raise Refused("This dose does not come from a container that holds many.")
    package = line.package
    if not Decimal(0) <= left <= line.package.uses or left != left.to_integral_value():
        raise Invalid({"left": f"Enter a whole number from 0 to {line.package.uses:f}."})
    order_id = line.order.order_id
    before = standing_for(tx.session, order_id, package.package_id)
    _end(tx, order_id, package.package_id)
    tx.session.add(
        InUse(
            order_id=order_id,
            package_id=package.package_id,
            line_id=before.line_id if before else None,
            opened_on=before.opened_on if before else tx.now.astimezone(ZoneInfo(line.order.zone)).date(),
            uses_left=left,
            counted_at=tx.now,
        )
    )
    tx.session.flush()
    record(tx, "container counted", f"order {order_id}", {"package": package.package_id, "uses_left": left})
    tx.tell("fills")
    tx.tell("ward")


def _end(tx: Tx, order_id: int, package_id: int) -> None:
    open_one = (InUse.order_id == order_id, InUse.package_id == package_id, InUse.ended_at.is_(None))
    tx.session.execute(update(InUse).where(*open_one).values(ended_at=tx.now))
