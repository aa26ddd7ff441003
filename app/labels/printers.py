"""The label printers of a place: one or several addresses, each with the labels that it holds."""

from app.core.errors import Refused
from devices.printers import Printer, printer_from_url


def printers_at(addresses: str) -> dict[str, Printer]:
    """The printers by their addresses, which stand with blanks between them. Raises Refused for what is no address."""
    try:
        return {address: printer_from_url(address) for address in addresses.split()}
    except ValueError as wrong:
        raise Refused(f"{wrong} Correct the printer's address, then print again.") from None
