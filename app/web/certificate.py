"""When the certificate ends that browsers see."""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from app.core.errors import Invalid


def certificate_end(path: Path) -> datetime:
    """When the first certificate of a PEM file ends (UTC). Raises Invalid (field 'tls_cert') for another file."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        raise Invalid({"tls_cert": f"{path} is no certificate that can be read. Run: laminar tls init"}) from None
