"""Tables that belong to no room: what each page post did (so that a double tap does nothing twice)."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class Once(Base):
    """One successful post: its key, who and where, what was posted, and where the browser was sent."""

    __tablename__ = "once"

    key: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int | None]
    station_id: Mapped[int | None]
    fingerprint: Mapped[str]
    location: Mapped[str]
    at: Mapped[datetime]
