"""What else is looked at before pages are served: the network side, the people, the end of the record, the host."""

import os
import stat
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address

from app import demo
from app.audit.tail_queries import tail_broken
from app.core.errors import Invalid, Refused
from app.db.backup import newest
from app.db.host import clock_synchronised, disk_of, zone_known
from app.db.safety import Finding, judge_disk, known_badges
from app.db.session import Db
from app.identity.credentials import badge_sha256
from app.interop.listening import PLAIN, wire_of
from app.interop.sending import receiver
from app.settings import Settings
from app.web.certificate import certificate_end

BACKUP_AGE = timedelta(hours=26)
CERTIFICATE_ENDS = timedelta(days=30)


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on is reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def door_findings(chosen: Settings, now: datetime) -> Iterator[Finding]:
    """Judge how browsers come in: over HTTPS, or from this machine only."""
    if (chosen.tls_cert is None) != (chosen.tls_key is None):
        yield Finding("unsafe", "HTTPS needs both --tls-cert and --tls-key. Run 'laminar tls init' to make them.")
        return
    if chosen.tls_cert is None or chosen.tls_key is None:
        if not is_loopback(chosen.host):
            yield Finding(
                "unsafe",
                f"Pages for {chosen.host} would cross the network in the clear. Run 'laminar tls init' and give "
                "--tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy on this machine.",
            )
        return
    try:
        ends = certificate_end(chosen.tls_cert)
    except Invalid as wrong:
        yield Finding("unsafe", wrong.fields["tls_cert"])
        return
    if ends <= now:
        yield Finding("unsafe", f"The certificate ended on {ends:%d-%b-%Y}. Renew it with 'laminar tls init'.")
    elif ends - now < CERTIFICATE_ENDS:
        yield Finding("warning", f"The certificate ends on {ends:%d-%b-%Y}. Renew it with 'laminar tls init'.")
    if not chosen.tls_key.is_file():
        yield Finding("unsafe", f"The key {chosen.tls_key} is not there.")
    elif chosen.tls_key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding("warning", f"Others on this machine can read the key. Run: chmod 600 {chosen.tls_key}")


def wire_findings(chosen: Settings) -> Iterator[Finding]:
    """Judge how HL7 comes in and goes out: over TLS, or to and from this machine only."""
    if chosen.mllp_port is not None:
        try:
            wire_of(chosen)
        except Refused as refused:
            yield Finding("unsafe", str(refused))
        except OSError:  # the certificate itself is judged with the pages'
            yield Finding("unsafe", f"HL7 can not be heard on {chosen.mllp_host}: its certificate can not be read.")
        if chosen.mllp_host.startswith(PLAIN):
            where = chosen.mllp_host.removeprefix(PLAIN)
            yield Finding("warning", f"HL7 is heard on {where} in plain text: only a VPN keeps it from other eyes.")
        if not chosen.mllp_authority:
            yield Finding(
                "warning",
                "It is not set whose record numbers the HL7 sender means: another hospital's could be taken for ours. "
                "Set LAMINAR_MLLP_AUTHORITY to what stands in PID-3.4.",
            )
    if chosen.dispense_to:
        try:
            receiver(chosen.dispense_to)
        except Refused as refused:
            yield Finding("unsafe", str(refused))


def record_findings(chosen: Settings, db: Db) -> Iterator[Finding]:
    """Judge what is in the database: nobody comes in with a badge that everybody knows, and the record ends whole."""
    if not chosen.test and known_badges(db, [badge_sha256(badge) for badge in demo.BADGES.values()]):
        yield Finding(
            "unsafe",
            "The pretend hospital's people can sign in here, and everybody knows their PIN. Use another database, or "
            "say that this is a TEST instance (LAMINAR_TEST=true).",
        )
    with db.read() as session:
        broken = tail_broken(session)
    if broken:
        yield Finding("unsafe", f"The record was touched: {broken}. Keep this database as it is and call for help.")


def strange_settings(environment: Iterable[str]) -> Iterator[str]:
    """The names in an environment that look like settings of ours and are none."""
    known = {f"LAMINAR_{name.upper()}" for name in Settings.model_fields} | {"LAMINAR_CONFIG", "LAMINAR_DATA"}
    return (name for name in environment if name.upper().startswith("LAMINAR_") and name.upper() not in known)


def host_findings(chosen: Settings, now: datetime) -> Iterator[Finding]:
    """Say what should be better on this machine."""
    for name in sorted(strange_settings(os.environ)):
        yield Finding("warning", f"{name} is no setting of this product, so it says nothing. Is it misspelt?")
    if clock_synchronised() is False:
        yield Finding("warning", "Nothing keeps this machine's clock right. Set up time synchronisation (NTP).")
    if not zone_known(chosen.zone):
        yield Finding("unsafe", f"There is no time zone '{chosen.zone}'. Set LAMINAR_ZONE to a name like Europe/Oslo.")
    try:
        last = newest(chosen.backups)
    except Refused as wrong:
        yield Finding("warning", str(wrong))
        last = now
    if last is None:
        yield Finding("warning", "There is no backup yet. Run 'laminar backup', and let it run every night.")
    elif now - last > BACKUP_AGE:
        yield Finding("warning", f"The newest backup is of {last:%d-%b-%Y %H:%M} UTC. Run 'laminar backup'.")
    for what, folder in (("the photos", chosen.photos), ("the backups", chosen.backups)):
        for finding in judge_disk(disk_of(folder).percent_free, what):
            yield finding if what == "the photos" else Finding("warning", finding.words)
