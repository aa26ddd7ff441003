"""The downtime pack: every 15 minutes one printable page in a folder of its own, for when the server is away.

Patient data goes into that folder and nowhere else: the page is whole in itself, only its owner and group may read it,
and it takes the place of the one before in one step. Source: house notes on screens, downtime.
"""

import os
import re
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from app.core.wording import instant
from app.reports.downtime_queries import pack
from app.web.pages import environment
from app.web.parts import Parts

log = structlog.get_logger()

EVERY = timedelta(minutes=15)
AGAIN = timedelta(minutes=1)
STALE = timedelta(minutes=30)
NAME = "downtime.html"
BLANKS = 3  # sheets without a dose, for what is ordered on paper meanwhile
_WRITTEN = re.compile(r'<meta name="written" content="([^"]+)">')


class DowntimePack:
    """Writes the pack of one product; `look` is a tick of its worker."""

    def __init__(self, parts: Parts):
        self._parts = parts
        self._next: datetime | None = None

    def look(self, now: datetime) -> None:
        """Write the pack when the last one is 15 minutes old, or when the clock was set back.

        A folder that can not be written to is tried again every minute; `laminar doctor` says so meanwhile.
        """
        folder = self._parts.settings.downtime
        if folder is None or (self._next and timedelta(0) < self._next - now <= EVERY):
            return
        try:
            write(self._parts, folder, now)
            self._next = now + EVERY
        except OSError as error:
            self._next = now + AGAIN
            log.error("downtime pack not written", words=error.strerror or type(error).__name__)


def write(parts: Parts, folder: Path, now: datetime) -> Path:
    """Write the pack as it is now; whoever reads the folder sees the old page or the new one, never half of one."""
    with parts.db.read() as session:
        gathered = pack(session, now)
    html = environment().get_template("print/downtime.html").render(
        pack=gathered, hospital=parts.settings.hospital, zone=parts.settings.zone, test=parts.settings.test,
        blanks=range(BLANKS), next_at=now + EVERY,
    )  # fmt: skip
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    page, new = folder / NAME, folder / f"{NAME}.new"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(html)
        file.flush()
        os.fsync(file.fileno())
    new.replace(page)
    return page


def written_at(folder: Path) -> datetime | None:
    """When the pack in a folder was written; None when there is none. Raises OSError."""
    page = folder / NAME
    if not page.is_file():
        return None
    with page.open(encoding="utf-8") as file:
        found = _WRITTEN.search(file.read(2000))
    return datetime.fromisoformat(found[1]) if found else None


def why_stale(folder: Path | None, now: datetime) -> str | None:
    """Say what is wrong with the downtime pack, for the doctor; None when it is fresh."""
    if folder is None:
        return (
            "No downtime pack is written. Set LAMINAR_DOWNTIME to a folder that another machine can read, so that "
            "work goes on by paper when this server is away."
        )
    try:
        at = written_at(folder)
    except OSError as error:
        return f"The downtime pack in {folder} can not be read ({error.strerror}). Look at the folder's owner and mode."
    if at is None:
        return f"There is no downtime pack in {folder} yet. The product writes it every 15 minutes while it runs."
    if now - at > STALE:
        return (
            f"The downtime pack in {folder} is of {instant(at, 'UTC')} UTC and says nothing of what came since. The "
            "product writes it every 15 minutes while it runs: see that it runs and can write to the folder."
        )
    return None
