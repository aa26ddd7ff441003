"""A folder in place of a printer, for trials: every label becomes a numbered file that appears whole or not at all."""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from devices.printer import USUAL_MEDIA, Clock, PrinterState, PrinterTrouble, Sent, Since


@dataclass
class FolderPrinter:
    """Writes each job to NNNN.zpl in `folder`, which is made when it is missing."""

    folder: Path
    dots_per_mm: int = 8
    clock: Clock | None = None
    media: str = USUAL_MEDIA
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = f"folder:{self.folder}"
        self._since = Since(self.clock)

    def send(self, job: bytes, title: str) -> Sent:
        """Write `job` under the next free number; raises PrinterTrouble when the folder cannot be written."""
        try:
            name = self._write(job)
        except OSError as wrong:
            raise PrinterTrouble(
                f"The label could not be written to {self.folder} ({wrong.strerror or wrong}). Nothing was kept.", False
            ) from None
        return Sent("sent", name, f"The label was written to {self.folder / name}. No printer was asked.")

    def status(self) -> PrinterState:
        """Whether the folder can be written."""
        place = self.folder if self.folder.exists() else self.folder.parent
        ok = place.is_dir() and os.access(place, os.W_OK)
        words = f"Labels are written to {self.folder}." if ok else f"{self.folder} cannot be written."
        return self._since.stamp(PrinterState(ok, words, (("folder", str(self.folder)),)))

    def _write(self, job: bytes) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(prefix=".draft-", dir=self.folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(job)
                file.flush()
                os.fsync(file.fileno())
            number = max((int(path.stem) for path in self.folder.glob("*.zpl") if path.stem.isdigit()), default=0)
            while True:
                number += 1
                name = f"{number:04d}.zpl"
                try:
                    # A link fails where the name is taken, so that two writers never share a number.
                    os.link(draft, self.folder / name)
                    return name
                except FileExistsError:
                    continue
        finally:
            os.unlink(draft)
