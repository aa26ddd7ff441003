"""`laminar serve`: look whether all is safe, then serve the pages and do the work behind them."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn

from app.cli.checks import door_findings, host_findings, is_loopback, record_findings, wire_findings
from app.cli.opening import settings
from app.core.errors import Refused
from app.db.host import disk_of
from app.db.migrate import newest, revision, upgrade
from app.db.only_one import OnlyOne
from app.db.safety import Finding, findings, judge_disk, schema_fault, sqlite_path, why_not_reachable
from app.db.session import Db
from app.identity.people_actions import make_set_up_code
from app.interop.listening import PLAIN
from app.logs import set_up
from app.main import create_app, metadata, open_database, put_together
from app.settings import Settings
from app.web.at_the_door import dressed
from app.web.bounded_http import BoundedHttp
from app.web.parts import Parts

serve = typer.Typer(add_completion=False)


@serve.command("serve")
def serve_pages(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate file for HTTPS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key file.")] = None,
) -> None:
    """Serve the pages and do the work behind them, until Ctrl-C.

    An embedded database is made and migrated by itself, PostgreSQL only by 'laminar migrate'. Refuses to start, and
    says why, where records would not be safe.
    """
    chosen = settings(host=host, port=port, tls_cert=tls_cert, tls_key=tls_key)
    set_up(chosen.log_level)
    with opened(chosen) as parts:
        listener = listening(chosen.host, chosen.port)
        if chosen.mllp_port:
            # HL7 is heard once the pages are served; that its port can be had is better said before.
            listening(chosen.mllp_host.removeprefix(PLAIN), chosen.mllp_port, "LAMINAR_MLLP_PORT").close()
        scheme = "https" if chosen.tls_cert else "http"
        address = f"{scheme}://{'localhost' if is_loopback(chosen.host) else chosen.host}:{listener.getsockname()[1]}"
        if code := make_set_up_code(parts.db):
            typer.echo(f"Nobody can sign in yet. Open {address}/set-up and give this code, once: {code}")
        typer.echo(f"Laminar is at {address}" + (" (TEST)" if chosen.test else ""))
        pages = dressed(create_app(parts), chosen.trusted_proxy)
        uvicorn.Server(server_settings(pages, chosen)).run(sockets=[listener])


@contextmanager
def opened(chosen: Settings) -> Iterator[Parts]:
    """The product on its database, migrated and safe, for this process alone. Raises Refused with all that is not."""
    path = sqlite_path(chosen.database)
    if path:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as wrong:
            raise Refused(f"The folder {path.parent} can not be made ({wrong.strerror}). Choose another.") from None
        _room_to_start(path.parent)
    db = open_database(chosen)
    try:
        if fault := why_not_reachable(db):
            raise Refused(fault)
        with OnlyOne(db):
            if db.is_sqlite and (revision(db.writer) or "") < newest():
                upgrade(db.writer, metadata)
            if fault := schema_fault(db):
                raise Refused(fault)
            report(look(chosen, db))
            db.close()  # so that the product's own connection is the only one that writes
            parts = put_together(chosen)
            try:
                yield parts
            finally:
                parts.db.close()
    finally:
        db.close()


def look(chosen: Settings, db: Db) -> list[Finding]:
    """Everything that is found about this installation: database, door, record and host."""
    now = db.clock()
    return [
        *findings(db), *door_findings(chosen, now), *wire_findings(chosen), *record_findings(chosen, db),
        *host_findings(chosen, now),
    ]  # fmt: skip


def report(found: list[Finding]) -> None:
    """Say the warnings; raise Refused with all that is unsafe."""
    for finding in found:
        if finding.level == "warning":
            typer.echo(f"Warning: {finding.words}", err=True)
    if unsafe := [f"- {finding.words}" for finding in found if finding.level == "unsafe"]:
        raise Refused("\n".join(["Laminar does not start, because records would not be safe:", *unsafe]))


def _room_to_start(folder: Path) -> None:
    report(list(judge_disk(disk_of(folder).percent_free)))


def listening(host: str, port: int, setting: str = "--port") -> socket.socket:
    """A socket that listens there. Raises Refused when it can not be had, with the setting that chooses another."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        why = error.strerror or str(error)
        raise Refused(f"Port {port} on {host} can not be had ({why}). Choose another by {setting}.") from None


def server_settings(app: Any, chosen: Settings) -> uvicorn.Config:
    """How uvicorn runs: our own log, no word of itself, headers of at most 64 kB, streams ended after two seconds."""
    if chosen.tls_cert and chosen.tls_key:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chosen.tls_cert, chosen.tls_key)
        except (OSError, ssl.SSLError):
            raise Refused(f"{chosen.tls_key} is not the key of {chosen.tls_cert}. Run: laminar tls init") from None
    return uvicorn.Config(
        app,
        http=BoundedHttp,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=15,
        ssl_certfile=chosen.tls_cert,
        ssl_keyfile=chosen.tls_key,
    )
