#!/usr/bin/env python3
"""Writes browser.json: assertions that a page in Chromium asked of the browser's virtual authenticators.

    apt-get install --no-install-recommends chromium
    python3 precompiles/vectors/browser.py

The page calls `navigator.credentials.create` and `.get`; the browser makes the client data; the authenticators
are those that Chromium offers for tests (DevTools protocol, domain WebAuthn, CTAP 2.1). Nothing is changed in
what they answer. The browser is driven over its debugging pipe, so nothing but Python and Chromium is needed.
Keys are fresh at every run: the file changes, what it shows does not.
"""

import http.server
import json
import os
import pathlib
import subprocess
import tempfile
import threading

RP_ID = "bank.localhost"
OTHER_RP_ID = "shop.localhost"

VALID_PER_AUTHENTICATOR = 20
REFUSED_PER_AUTHENTICATOR = 4

# What differs between authenticators: how it is attached, backup flags, extensions in the authenticator data.
AUTHENTICATORS = {
    "platform": {"transport": "internal"},
    "security key": {"transport": "usb"},
    "phone": {"transport": "hybrid"},
    "synced passkey": {"transport": "internal", "defaultBackupEligibility": True, "defaultBackupState": True},
    "security key with a blob": {"transport": "usb", "hasCredBlob": True},
}

PAGE = """<!doctype html><script>
const hex = b => Array.from(new Uint8Array(b), x => x.toString(16).padStart(2, "0")).join("");
const bytes = h => Uint8Array.from(h.match(/../g), x => parseInt(x, 16));
async function register() {
  const c = await navigator.credentials.create({publicKey: {
    rp: {id: location.hostname, name: "Bank"}, challenge: crypto.getRandomValues(new Uint8Array(32)),
    user: {id: crypto.getRandomValues(new Uint8Array(16)), name: "user", displayName: "User"},
    pubKeyCredParams: [{type: "public-key", alg: -7}],
    authenticatorSelection: {residentKey: "preferred", userVerification: "preferred"},
    extensions: {credBlob: new TextEncoder().encode("account 7")}}});
  return JSON.stringify({id: hex(c.rawId), key: hex(c.response.getPublicKey())});
}
async function assert(id, challenge, verification, blob) {
  const c = await navigator.credentials.get({publicKey: {
    rpId: location.hostname, challenge: bytes(challenge), userVerification: verification,
    allowCredentials: [{type: "public-key", id: bytes(id)}],
    extensions: {getCredBlob: blob}}});
  return JSON.stringify({authenticator_data: hex(c.response.authenticatorData),
    client_data_json: new TextDecoder().decode(c.response.clientDataJSON), signature: hex(c.response.signature)});
}
</script>"""


class Page(http.server.BaseHTTPRequestHandler):
    """Gives the page to whoever asks."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_):
        pass


class Browser:
    """Chromium, over its debugging pipe: file descriptors 3 (to it) and 4 (from it), JSON ended by a zero byte."""

    def __init__(self, profile):
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        flags = "--headless=new --remote-debugging-pipe --no-sandbox --disable-gpu --no-first-run"
        command = f'exec chromium {flags} "--user-data-dir=$0" about:blank 3<&{to_read} 4>&{from_write} 2>/dev/null'
        self.process = subprocess.Popen(["sh", "-c", command, profile], pass_fds=(to_read, from_write))
        os.close(to_read)
        os.close(from_write)
        self.input, self.output = os.fdopen(to_write, "wb"), os.fdopen(from_read, "rb")
        self.calls, self.rest = 0, b""

    def message(self):
        while b"\0" not in self.rest:
            chunk = self.output.read1(65536)
            if not chunk:
                raise SystemExit("Chromium is gone")
            self.rest += chunk
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, session=None, **params):
        self.calls += 1
        message = {"id": self.calls, "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        self.input.write(json.dumps(message).encode() + b"\0")
        self.input.flush()
        while (answer := self.message()).get("id") != self.calls:
            pass
        if "error" in answer:
            raise SystemExit(f"{method}: {answer['error']}")
        return answer["result"]


class Tab:
    """A page of one relying party with one authenticator plugged in."""

    def __init__(self, browser, url, options):
        self.browser = browser
        target = browser.call("Target.createTarget", url=url)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("WebAuthn.enable")
        defaults = {"protocol": "ctap2", "ctap2Version": "ctap2_1", "hasResidentKey": True}
        defaults |= {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
        self.device = self.call("WebAuthn.addVirtualAuthenticator", options=defaults | options)["authenticatorId"]
        while self.evaluate("document.readyState + typeof register") != "completefunction":
            pass
        credential = json.loads(self.evaluate("register()"))
        self.id = credential["id"]
        # A SubjectPublicKeyInfo of P-256 ends with the uncompressed point.
        point = bytes.fromhex(credential["key"])[-65:]
        assert point[0] == 4
        self.point = {"x": point[1:33].hex(), "y": point[33:].hex()}
        self.blob = json.dumps(options.get("hasCredBlob", False))

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, userGesture=True)
        if "exceptionDetails" in answer:
            raise SystemExit(answer["exceptionDetails"])
        return answer["result"]["value"]

    def get(self, challenge, verified=True):
        self.call("WebAuthn.setUserVerified", authenticatorId=self.device, isUserVerified=verified)
        wish = "required" if verified else "discouraged"
        answer = self.evaluate(f'assert("{self.id}", "{challenge.hex()}", "{wish}", {self.blob})')
        return self.point | json.loads(answer)

    def close(self):
        self.call("WebAuthn.removeVirtualAuthenticator", authenticatorId=self.device)
        self.call("Page.close")


def assertions(bank, shop):
    """(case, challenge that the ledger expects, what the authenticator answered)."""
    for _ in range(VALID_PER_AUTHENTICATOR):
        challenge = os.urandom(32)
        yield "valid", challenge, bank.get(challenge)
    for _ in range(REFUSED_PER_AUTHENTICATOR):
        challenge = os.urandom(32)
        yield "no user verification", challenge, bank.get(challenge, verified=False)
        yield "other relying party", challenge, shop.get(challenge)
        yield "other challenge", challenge, bank.get(os.urandom(32))


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://{{}}:{server.server_port}/"
    rows = []
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(profile)
        source = browser.call("Browser.getVersion")["product"]
        for name, options in AUTHENTICATORS.items():
            bank = Tab(browser, url.format(RP_ID), options)
            shop = Tab(browser, url.format(OTHER_RP_ID), options)
            for case, challenge, answer in assertions(bank, shop):
                row = {"case": case, "authenticator": name, "rp_id": RP_ID, "challenge": challenge.hex()}
                rows.append(row | answer)
            bank.close()
            shop.close()
        browser.call("Browser.close")
        browser.process.wait()
    lines = ",\n".join("    " + json.dumps(row) for row in rows)
    text = f'{{\n  "source": {json.dumps(source)},\n  "assertions": [\n{lines}\n  ]\n}}\n'
    pathlib.Path(__file__).with_name("browser.json").write_text(text)


main()
