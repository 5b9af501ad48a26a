#!/usr/bin/env python3
"""Writes webauthn.json: assertions of a software authenticator, and plain P-256 signatures of its keys.

    python3 -m venv ~/.cache/qenex/tools/webauthn
    ~/.cache/qenex/tools/webauthn/bin/pip install soft-webauthn==0.1.4 fido2==1.2.0 cryptography==44.0.3
    ~/.cache/qenex/tools/webauthn/bin/python precompiles/vectors/webauthn.py

Keys, credential ids, counters and the device are those of soft-webauthn; the bytes are laid out by Yubico's fido2
(client data as a browser writes them, authenticator data); OpenSSL signs, through cryptography.

Two things are changed in the device, because soft-webauthn fixes them and they decide what a ledger accepts:
its flags say that the user was present and never that the user was verified, so `Device.get` takes the flags as
an argument; and its client data are JSON with spaces, which no browser writes (W3C WebAuthn Level 3, section
5.8.1.1), so they come from fido2, except in the case "client data with spaces", where they are as soft-webauthn
makes them. Keys are fresh at every run: the file changes, what it shows does not.
"""

import json
import os
import pathlib
from importlib.metadata import version

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.utils import sha256
from fido2.webauthn import AuthenticatorData, CollectedClientData
from soft_webauthn import SoftWebauthnDevice

RP_ID = "bank.example"
ORIGIN = "https://bank.example"
PRESENT = AuthenticatorData.FLAG.UP
VERIFIED = AuthenticatorData.FLAG.UV
SOURCE = f"soft-webauthn {version('soft-webauthn')}, fido2 {version('fido2')}, cryptography {version('cryptography')}"

DEVICES = 6
VALID_PER_DEVICE = 20
REFUSED_PER_DEVICE = 4
PLAIN_PER_DEVICE = 4


class Device(SoftWebauthnDevice):
    """The device of the library, with a user who can be verified and with a browser's client data."""

    def register(self):
        self.create(
            {
                "publicKey": {
                    "rp": {"id": RP_ID, "name": "Bank"},
                    "user": {"id": os.urandom(16), "name": "user"},
                    "challenge": os.urandom(32),
                    "pubKeyCredParams": [{"alg": -7, "type": "public-key"}],
                }
            },
            ORIGIN,
        )

    def get(self, challenge, flags=PRESENT | VERIFIED, kind="webauthn.get", rp_id=RP_ID, spaces=False):
        self.sign_count += 1
        if spaces:
            client = super().get({"publicKey": {"rpId": self.rp_id, "challenge": challenge}}, ORIGIN)
            client = client["response"]["clientDataJSON"]
        else:
            client = bytes(CollectedClientData.create(kind, challenge, f"https://{rp_id}"))
        data = bytes(AuthenticatorData.create(sha256(rp_id.encode()), flags, self.sign_count))
        return data, client, self.sign(data + sha256(client))

    def sign(self, message):
        return self.private_key.sign(message, ec.ECDSA(hashes.SHA256()))

    def point(self):
        numbers = self.private_key.public_key().public_numbers()
        return {"x": f"{numbers.x:064x}", "y": f"{numbers.y:064x}"}


def assertions(device):
    """(case, challenge that the ledger expects, what the device answers)."""
    for _ in range(VALID_PER_DEVICE):
        challenge = os.urandom(32)
        yield "valid", challenge, device.get(challenge)
    for _ in range(REFUSED_PER_DEVICE):
        challenge = os.urandom(32)
        yield "no user verification", challenge, device.get(challenge, flags=PRESENT)
        yield "no user presence", challenge, device.get(challenge, flags=VERIFIED)
        yield "other relying party", challenge, device.get(challenge, rp_id="bank.example.attacker.example")
        yield "other challenge", challenge, device.get(os.urandom(32))
        yield "registration", challenge, device.get(challenge, kind="webauthn.create")
        yield "client data with spaces", challenge, device.get(challenge, spaces=True)


def main():
    rows, plain = [], []
    for _ in range(DEVICES):
        device = Device()
        device.register()
        for case, challenge, (data, client, signature) in assertions(device):
            row = {"case": case, "rp_id": RP_ID, "challenge": challenge.hex()} | device.point()
            row |= {"authenticator_data": data.hex(), "client_data_json": client.decode()}
            rows.append(row | {"signature": signature.hex()})
        for _ in range(PLAIN_PER_DEVICE):
            digest = os.urandom(32)
            row = {"digest": digest.hex()} | device.point()
            plain.append(row | {"signature": device.sign(digest).hex()})

    lines = [",\n".join("    " + json.dumps(row) for row in table) for table in (rows, plain)]
    text = f'{{\n  "source": {json.dumps(SOURCE)},\n'
    text += f'  "assertions": [\n{lines[0]}\n  ],\n  "plain": [\n{lines[1]}\n  ]\n}}\n'
    pathlib.Path(__file__).with_name("webauthn.json").write_text(text)


main()
