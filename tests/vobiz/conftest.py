"""A client and the server it talks to, over real sockets."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from recordings.vobiz.client import Credentials, RetryPolicy, VobizClient
from tests.vobiz.wire_server import WireServer

TOKEN = "a-secret-token-0123456789"
QUICK = RetryPolicy(tries=3, total=60.0, backoff=0.01)


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[WireServer]:
    """Another host: one that is not the API's."""
    with WireServer() as running:
        yield running


def client_of(url: str, **changes: Any) -> VobizClient:
    """A client of the API at `url`, patient enough for a test."""
    options: dict[str, Any] = {
        "api_url": f"{url}/api/v1",
        "media_hosts": ["127.0.0.1"],
        "local": True,
        "connect_timeout": 20.0,
        "read_timeout": 20.0,
        "retry_policy": QUICK,
    }
    return VobizClient(Credentials("MA_TESTMAIN", TOKEN), **(options | changes))


@pytest.fixture
def client(server: WireServer) -> Iterator[VobizClient]:
    with client_of(server.url) as made:
        yield made


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of its own for localhost, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return pem


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[WireServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with WireServer(tls=context) as running:
        yield running
