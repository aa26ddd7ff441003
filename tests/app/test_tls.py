"""Our own authority: certificates that strict clients accept, keys that nobody else reads."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import verification

from app.cli.checks import door_findings
from app.cli.tls import AUTHORITY_LASTS, HOST_LASTS, make
from app.core.errors import Invalid, Refused
from app.settings import Settings
from app.web.certificate import certificate_end

NOW = datetime.now(UTC).replace(microsecond=0)
HOSTS = ["laminar.test", "192.0.2.7"]


def of(paths: dict[str, Path]) -> tuple[x509.Certificate, x509.Certificate]:
    host, authority = x509.load_pem_x509_certificates(paths["cert"].read_bytes())
    return host, authority


def test_a_strict_verifier_accepts_the_host_certificate(tmp_path: Path) -> None:
    host, authority = of(make(HOSTS, tmp_path, "Laminar General", NOW))
    builder = verification.PolicyBuilder().store(verification.Store([authority])).time(NOW)
    for name in (x509.DNSName("laminar.test"), x509.IPAddress(ip_address("192.0.2.7"))):
        assert builder.build_server_verifier(name).verify(host, []) == [host, authority]
    with pytest.raises(verification.VerificationError):
        builder.build_server_verifier(x509.DNSName("other.test")).verify(host, [])


def test_a_host_certificate_lasts_no_longer_than_tablets_accept(tmp_path: Path) -> None:
    paths = make(HOSTS, tmp_path, "Laminar", NOW)
    host, authority = of(paths)
    assert host.not_valid_after_utc - host.not_valid_before_utc < timedelta(days=825)
    assert certificate_end(paths["cert"]) == NOW + HOST_LASTS
    assert authority.not_valid_after_utc == NOW + AUTHORITY_LASTS


def test_only_the_owner_can_read_the_keys(tmp_path: Path) -> None:
    paths = make(HOSTS, tmp_path, "Laminar", NOW)
    assert {name: stat.S_IMODE(paths[name].stat().st_mode) for name in ("ca_key", "key")} == {
        "ca_key": 0o600,
        "key": 0o600,
    }


def test_renewing_keeps_the_authority_that_tablets_know(tmp_path: Path) -> None:
    first = of(make(HOSTS, tmp_path, "Laminar", NOW))
    later = of(make(["laminar.test", "new.test"], tmp_path, "Laminar", NOW + timedelta(days=400)))
    assert later[1] == first[1]
    assert later[0] != first[0]
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "host.crt", tmp_path / "host.key")


def test_an_authority_that_ends_before_the_certificate_would_is_told(tmp_path: Path) -> None:
    make(HOSTS, tmp_path, "Laminar", NOW)
    with pytest.raises(Refused, match="ends too soon"):
        make(HOSTS, tmp_path, "Laminar", NOW + AUTHORITY_LASTS - timedelta(days=1))


@pytest.mark.parametrize("name", ["https://laminar.test", "two words", "", "-x.test", "a" * 64 + ".test", "*.test"])
def test_what_is_no_host_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="neither a host name nor an address"):
        make([name], tmp_path, "Laminar", NOW)
    assert not list(tmp_path.iterdir())


def test_half_an_authority_or_a_wrong_key_is_told(tmp_path: Path) -> None:
    paths = make(HOSTS, tmp_path / "one", "Laminar", NOW)
    other = make(HOSTS, tmp_path / "two", "Laminar", NOW)
    paths["ca_key"].write_bytes(other["ca_key"].read_bytes())
    with pytest.raises(Refused, match="is not the key of"):
        make(HOSTS, tmp_path / "one", "Laminar", NOW)
    paths["ca_key"].unlink()
    with pytest.raises(Refused, match="only one is there"):
        make(HOSTS, tmp_path / "one", "Laminar", NOW)


def test_the_end_of_what_is_no_certificate_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="laminar tls init"):
        certificate_end(tmp_path / "nothing.crt")


def test_pages_cross_a_network_only_over_https(tmp_path: Path) -> None:
    paths = make(HOSTS, tmp_path, "Laminar", NOW)
    door = {"tls_cert": paths["cert"], "tls_key": paths["key"]}

    def said(at: datetime = NOW, **given: object) -> list[str]:
        return [f"{each.level}: {each.words}" for each in door_findings(Settings(**given), at)]  # type: ignore[arg-type]

    assert said(host="127.0.0.1") == said(host="::1") == said(host="localhost") == said(host="0.0.0.0", **door) == []
    assert "would cross the network in the clear" in said(host="0.0.0.0")[0]
    assert "needs both" in said(tls_cert=paths["cert"])[0]
    assert said(NOW + HOST_LASTS - timedelta(days=9), **door)[0].startswith("warning: The certificate ends on")
    assert said(NOW + HOST_LASTS, **door)[0].startswith("unsafe: The certificate ended on")
    paths["key"].chmod(0o644)
    assert said(**door) == [f"warning: Others on this machine can read the key. Run: chmod 600 {paths['key']}"]
    paths["key"].unlink()
    assert said(**door) == [f"unsafe: The key {paths['key']} is not there."]
