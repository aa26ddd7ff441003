"""Label printers by address, so that nothing above `devices` knows which kind a station has."""

import re
from pathlib import Path
from urllib.parse import parse_qsl

from devices.folder_printer import FolderPrinter
from devices.printer import USUAL_MEDIA, Clock, Printer, PrinterState, PrinterTrouble, Sent
from devices.tcp_printer import TcpPrinter
from devices.zebra_printer import CupsPrinter

__all__ = ["Clock", "Printer", "PrinterState", "PrinterTrouble", "Sent", "printer_from_url"]

_MEDIA = re.compile(r"[1-9]?[0-9](\.[0-9]{1,2})?x[1-9]?[0-9](\.[0-9]{1,2})?", re.ASCII)
_FORMS = "cups:QUEUE, tcp://HOST:9100 or folder:/PATH"


def printer_from_url(url: str, clock: Clock | None = None) -> Printer:
    """The printer that `url` names; nothing is connected yet.

    Forms: `cups:QUEUE` (with `?server=/path/of/socket` or `?server=host:port` as in CUPS_SERVER), `tcp://HOST:9100`,
    `folder:/PATH`. Each may say `dots=12` for 300 dpi (8 without) and `media=2.25x1.25` for the labels in it, in inches
    (4x3 without). `clock` dates the changes of a printer's state. Raises ValueError in words for anything else.
    """
    kind, _, rest = url.strip().partition(":")
    place, _, query = rest.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    dots = given.pop("dots", "8")
    if dots not in ("8", "12"):
        raise ValueError(f"“{url}”: dots must be 8 (203 dpi) or 12 (300 dpi).")
    media = given.pop("media", USUAL_MEDIA)
    if not _MEDIA.fullmatch(media):
        raise ValueError(f"“{url}”: media is the size of its labels in inches, such as 4x3 or 2.25x1.25.")
    server = given.pop("server", None) if kind == "cups" else None
    if given:
        raise ValueError(f"“{url}”: a printer's address knows no {', '.join(sorted(given))}.")
    if kind == "cups" and place and not set(place) & set(" /#?,"):
        if place.startswith("-"):
            raise ValueError(f"“{url}”: a queue's name does not begin with a hyphen.")
        return CupsPrinter(place, server=server, dots_per_mm=int(dots), clock=clock, media=media)
    if kind == "tcp" and place.startswith("//"):
        host, port = _host_and_port(place[2:].rstrip("/"), url)
        return TcpPrinter(host, port, dots_per_mm=int(dots), clock=clock, media=media)
    if kind == "folder" and place:
        return FolderPrinter(Path(place), dots_per_mm=int(dots), clock=clock, media=media)
    raise ValueError(f"“{url}” is not a printer's address. Write {_FORMS}.")


def _host_and_port(place: str, url: str) -> tuple[str, int]:
    host, colon, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
    if not colon:
        host, port = place, "9100"
    if not host.strip("[]") or not port.isdigit() or not 0 < int(port) < 65536 or "/" in host:
        raise ValueError(f"“{url}” is not a printer's address. Write {_FORMS}.")
    return host.strip("[]"), int(port)
