"""nginx with deploy/nginx.conf, as an operator runs it: on ports of the test's own, with a certificate of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.ports import free_ports
from tests.waiting import eventually

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "nginx.conf"
PROGRAM = shutil.which("nginx") or "/usr/sbin/nginx"
MAIN = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/main.log; worker_processes 1;
{user}
events {{ worker_connections 8192; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""

needs_nginx = pytest.mark.skipif(not Path(PROGRAM).exists(), reason="needs nginx (Debian: nginx-light)")


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs: its port of https, that of http, and where its log and certificate are."""

    port: int
    plain_port: int
    folder: Path

    @property
    def authority(self) -> str:
        """The file to trust, which is the certificate itself."""
        return str(self.folder / "portal.pem")

    @property
    def log(self) -> str:
        return (self.folder / "portal.log").read_text()


def make_certificate(folder: Path, *names: str, days: float = 90) -> None:
    """Write portal.pem and portal.key: a certificate of its own authority, good for so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A test of the portal")])
    ends = datetime.now(UTC) + timedelta(days=days)
    alternatives: list[x509.GeneralName] = []
    for one in names:
        with suppress(ValueError):
            alternatives.append(x509.IPAddress(ip_address(one)))
            continue
        alternatives.append(x509.DNSName(one))
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=ends - timedelta(days=91),
        not_valid_after=ends,
    )
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = builder.sign(key, hashes.SHA256())
    (folder / "portal.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    kind = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "portal.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *kind))


@contextmanager
def nginx(
    folder: Path,
    upstream: int,
    *,
    host: str = "portal.example.com",
    proxy_port: int = 0,
    changes: dict[str, str] | None = None,
) -> Iterator[Proxy]:
    """Run nginx before the port `upstream`; `changes` are what an operator got wrong in the file: old to new text."""
    folder.mkdir(exist_ok=True)
    if not (folder / "portal.pem").exists():
        make_certificate(folder, "localhost", "127.0.0.1", host)
    port = proxy_port or free_ports(2)
    proxy = Proxy(port, port + 1, folder)
    site = CONFIGURATION.read_text(encoding="utf-8")
    ours = {
        "portal.example.com": host, "127.0.0.1:8000": f"127.0.0.1:{upstream}", "listen 443": f"listen 127.0.0.1:{port}",
        "listen 80;": f"listen 127.0.0.1:{port + 1};", "/etc/ssl/": f"{folder}/", "/var/log/nginx/": f"{folder}/",
    }  # fmt: skip
    for old, new in {**(changes or {}), **ours}.items():
        assert old in site, old
        site = site.replace(old, new)
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""  # its other users cannot enter a test's folder
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
    with (folder / "said").open("ab") as said:
        process = subprocess.Popen(
            [PROGRAM, "-p", str(folder), "-c", str(folder / "nginx.conf")],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip
    try:
        eventually(lambda: process.poll() is not None or _answers(proxy))
        assert process.poll() is None, (folder / "said").read_text()
        yield proxy
    finally:
        process.terminate()
        process.wait()


def _answers(proxy: Proxy) -> bool:
    with suppress(requests.ConnectionError):
        url = f"http://127.0.0.1:{proxy.plain_port}/"
        return requests.get(url, allow_redirects=False, timeout=60).status_code > 0
    return False
