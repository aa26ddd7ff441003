"""Both directions of HL7 while the product runs, put together: what is heard, what is applied, what is told."""

from dataclasses import dataclass

import structlog

from app.db.session import SYSTEM, Db
from app.interop.actions import apply_waiting
from app.interop.listening import Listening, connection_of, listen
from app.interop.mllp import Acknowledgement
from app.interop.queries import letter_due
from app.interop.sending import PATIENCE, Sending, receiver
from app.interop.sending_actions import Letter, claim_letter, note_letter
from app.interop.store_actions import store
from app.settings import Settings

log = structlog.get_logger()


@dataclass
class Wire:
    """What runs: the listener with its applying thread, and the line to eMAR if there is one."""

    listening: Listening
    sending: Sending | None

    @property
    def port(self) -> int | None:
        """The port on which messages are heard, if any."""
        return self.listening.port

    async def close(self) -> None:
        """Stop hearing, applying and telling; what is not finished is taken up again at the next start."""
        await self.listening.close()
        if self.sending:
            self.sending.close()


async def open_wire(db: Db, settings: Settings, patience: float = PATIENCE) -> Wire:
    """Apply what waits, listen if the settings name a port, tell eMAR if they name a receiver.

    Raises Refused for an address that is open to others without TLS, or one that is none; OSError for a port in use.
    """
    connection = connection_of(settings)
    address = receiver(settings.dispense_to) if settings.dispense_to else None
    listening = await listen(
        settings,
        store=lambda raw: store(db, connection, raw, test=settings.test).answer,
        apply=lambda stopped: apply_waiting(db, connection, stopped),
        now=db.clock,
        fault=lambda fault: log.error("hl7: apply", kind=type(fault).__name__),
        alarm=lambda peer, sentence: log.warning("hl7: wire", peer=peer, words=sentence),
    )
    sending = _sending(db, address, settings.test, patience) if address else None
    return Wire(listening, sending)


def _sending(db: Db, address: tuple[str, int], test: bool, patience: float) -> Sending:
    def claim() -> Letter | None:
        with db.read() as session:
            if not letter_due(session, db.clock()):
                return None
        with db.write(SYSTEM) as tx:
            return claim_letter(tx, "T" if test else "P")

    def note(letter_id: int, answer: Acknowledgement) -> None:
        with db.write(SYSTEM) as tx:
            note_letter(tx, letter_id, answer.outcome, answer.code, answer.text)

    def fault(error: Exception) -> None:
        log.error("hl7: send", kind=type(error).__name__, exc_info=error)

    sending = Sending(address, claim, note, fault, patience)
    sending.start()
    return sending
