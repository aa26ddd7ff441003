"""`laminar tls init`: an own certificate authority, once, and a certificate for this host, as often as it is needed."""

import ipaddress
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.core.errors import Refused
from app.db.backup import write_durably

tls = typer.Typer(help="HTTPS: an own certificate authority and a host certificate.", no_args_is_help=True)

AUTHORITY_LASTS = timedelta(days=3650)
# Tablets refuse a host certificate of an own authority that lasts longer than 825 days (Apple's rule for all roots).
HOST_LASTS = timedelta(days=820)
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", re.ASCII)

ON_A_TABLET = """\
Install the authority {ca} on every tablet and desk, once:
  iPad: send the file to it, Settings > Profile downloaded > Install, then
        Settings > General > About > Certificate Trust Settings > switch it on.
  Android: Settings > Security > Encryption & credentials > Install a certificate > CA certificate.
  Windows: double-click, Install certificate, Local machine, Trusted Root Certification Authorities.
  Linux (Chromium): Settings > Privacy and security > Security > Manage certificates > Authorities > Import.
Then serve with:
  laminar serve --host 0.0.0.0 --port 8443 --tls-cert {cert} --tls-key {key}
Keep {ca_key} off the network: whoever has it can pretend to be this server."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@tls.callback()
def https() -> None:
    """HTTPS: an own certificate authority and a host certificate."""


@tls.command("init")
def init(
    hosts: Annotated[list[str], typer.Argument(help="Every name and address by which browsers come in.")],
    folder: Annotated[Path, typer.Option(help="Folder for the certificates and keys.")] = Path("var/tls"),
    hospital: Annotated[str, typer.Option(help="Name that the authority bears on tablets.")] = "Laminar",
) -> None:
    """Make the authority (kept if it is there) and a certificate for this host; run it again to renew the latter."""
    paths = make(hosts, folder, hospital, datetime.now(UTC))
    ends = x509.load_pem_x509_certificate(paths["cert"].read_bytes()).not_valid_after_utc
    typer.echo(f"{paths['cert']} is for {', '.join(hosts)} and ends on {ends:%d-%b-%Y}. Renew it by the same command.")
    typer.echo(ON_A_TABLET.format(**paths))


def make(hosts: list[str], folder: Path, hospital: str, now: datetime) -> dict[str, Path]:
    """Write authority and host certificate; returns the paths 'ca', 'ca_key', 'cert' and 'key'. Raises Refused."""
    names = [_name(host) for host in dict.fromkeys(hosts)]
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        "ca": folder / "authority.crt",
        "ca_key": folder / "authority.key",
        "cert": folder / "host.crt",
        "key": folder / "host.key",
    }
    if paths["ca"].exists() and paths["ca_key"].exists():
        ca = _read(paths["ca"], paths["ca_key"])
        if ca.certificate.not_valid_after_utc < now + HOST_LASTS:
            raise Refused(f"The authority {paths['ca']} ends too soon. Move both files away and install a new one.")
    elif paths["ca"].exists() or paths["ca_key"].exists():
        raise Refused(f"Of {paths['ca']} and {paths['ca_key']} only one is there. Bring the other back.")
    else:
        ca = authority(hospital, now)
        write_secret(paths["ca_key"], ca.key_pem)
        write_durably(paths["ca"], ca.pem)
    own = host_certificate(ca, names, now)
    write_secret(paths["key"], own.key_pem)
    write_durably(paths["cert"], own.pem + ca.pem)
    return paths


def write_secret(path: Path, data: bytes) -> None:
    """Write a file that only its owner can ever read, not even for a moment anybody else."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def authority(hospital: str, now: datetime) -> Pair:
    """A certificate authority of one's own, P-256, for ten years; it can sign hosts and no further authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{hospital[:40]} own authority {now:%Y}")])
    builder = _builder(name, name, key.public_key(), now, AUTHORITY_LASTS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return Pair(builder.sign(key, hashes.SHA256()), key)


def host_certificate(ca: Pair, names: list[x509.GeneralName], now: datetime) -> Pair:
    """A server certificate for some names and addresses, signed by the authority, for 820 days."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0].value)[:64])])
    authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    builder = (
        _builder(subject, ca.certificate.subject, key.public_key(), now, HOST_LASTS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority_id, critical=False)
    )
    return Pair(builder.sign(ca.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a tablet's clock may be a little behind
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not _HOST.fullmatch(host.lower()):
        raise Refused(f"'{host}' is neither a host name nor an address. Give it as browsers do, without https://.")
    return x509.DNSName(host.lower())


def _read(certificate: Path, key: Path) -> Pair:
    try:
        read = serialization.load_pem_private_key(key.read_bytes(), None)
        made = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError, TypeError):
        raise Refused(f"{certificate} or {key} can not be read. Bring them back, or move both away.") from None
    if not isinstance(read, ec.EllipticCurvePrivateKey) or read.public_key() != made.public_key():
        raise Refused(f"{key} is not the key of {certificate}. Bring the right one back, or move both away.")
    return Pair(made, read)
