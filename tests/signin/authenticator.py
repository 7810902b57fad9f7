"""An authenticator without a device: it makes passkeys, and answers challenges with whatever a test wants wrong."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from typing import Any

from allauth.account.utils import user_pk_to_url_str
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from fido2 import cbor
from fido2.utils import websafe_encode

HOST, ADDRESS = "localhost", "http://localhost:8000"
PRESENT, VERIFIED, ATTESTED = 1, 4, 0x40  # flags
PASSKEY, ADD = "/admin/login/passkey/", "/admin/your-account/passkeys/add/"


class Authenticator:
    """One passkey, for a portal at ADDRESS."""

    def __init__(self) -> None:
        self.key, self.id = ec.generate_private_key(ec.SECP256R1()), os.urandom(32)

    @property
    def public_key(self) -> dict[int, Any]:
        """The public key as COSE has it."""
        point = self.key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}

    def attestation(self, public_key: Any = None) -> bytes:
        """What it says when a passkey is made."""
        key = self.public_key if public_key is None else public_key
        made = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor.encode(key)
        data = _authenticator_data(HOST, PRESENT | VERIFIED | ATTESTED) + made
        return cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})

    def make(self, challenge: str, *, attestation: bytes | None = None) -> str:
        """The browser's answer where a passkey is added."""
        made = self.attestation() if attestation is None else attestation
        said = {
            "clientDataJSON": websafe_encode(_client_data("webauthn.create", challenge, ADDRESS)),
            "attestationObject": websafe_encode(made),
        }
        return self._credential(said)

    def answer(
        self,
        challenge: str,
        user: User | None = None,
        *,
        host: str = HOST,
        address: str = ADDRESS,
        flags: int = PRESENT | VERIFIED,
        key_id: bytes | None = None,
        extensions: bytes = b"",
    ) -> str:
        """The browser's answer where a passkey is used; `user` for whom it says it is."""
        data = _authenticator_data(host, flags | (0x80 if extensions else 0)) + extensions
        client = _client_data("webauthn.get", challenge, address)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        said = {
            "clientDataJSON": websafe_encode(client),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
        }
        if user is not None:
            said["userHandle"] = websafe_encode(user_pk_to_url_str(user).encode())
        return self._credential(said, key_id)

    def _credential(self, response: dict[str, str], key_id: bytes | None = None) -> str:
        name = websafe_encode(key_id or self.id)
        whole = {"id": name, "rawId": name, "type": "public-key", "response": response}
        return json.dumps({**whole, "clientExtensionResults": {}})


def _authenticator_data(host: str, flags: int) -> bytes:
    return hashlib.sha256(host.encode()).digest() + bytes([flags]) + struct.pack(">I", 0)


def _client_data(kind: str, challenge: str, address: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": address}).encode()


def challenge_to_sign_in(client: Client) -> str:
    """The challenge of the sign-in page, which its script asks for."""
    answer = client.get(PASSKEY, headers={"X-Requested-With": "XMLHttpRequest"})
    return str(answer.json()["request_options"]["publicKey"]["challenge"])


def challenge_of(page: Any) -> str:
    """The challenge in a page that asks for a passkey, or makes one."""
    (options,) = page.context["js_data"].values()
    return str(options["publicKey"]["challenge"])


def add_passkey(client: Client, **also: Any) -> Authenticator:
    """Make a passkey on one's own page."""
    made = Authenticator()
    credential = made.make(challenge_of(client.get(ADD)), **also)
    assert client.post(ADD, {"name": "laptop", "credential": credential})["Location"] == reverse("mfa_index")
    return made
