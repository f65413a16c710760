"""Second factors: an authenticator app, security keys of three kinds made here, recovery codes, a role that needs one."""

import base64
import hashlib
import hmac
import json
import os
import struct
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from access import PASSWORD, log_in, new_user
from client import Client


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def totp(secret, step=0):
    moment = struct.pack(">Q", int(time.time()) // 30 + step)
    mac = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), moment, hashlib.sha1).digest()
    at = mac[19] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


def cbor(value):
    """Enough of RFC 8949 for what authenticators write."""
    def head(major, n):
        for size, code in ((24, None), (1 << 8, 24), (1 << 16, 25), (1 << 32, 26)):
            if n < size:
                return bytes([major << 5 | n]) if code is None else bytes([major << 5 | code]) + n.to_bytes(1 << (code - 24), "big")
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


class Authenticator:
    """A security key: what it answers to the browser's calls."""

    def __init__(self, algorithm):
        self.algorithm, self.id, self.counter = algorithm, os.urandom(32), 0
        if algorithm == -7:
            self.key = ec.generate_private_key(ec.SECP256R1())
            n = self.key.public_key().public_numbers()
            self.cose = {1: 2, 3: -7, -1: 1, -2: n.x.to_bytes(32, "big"), -3: n.y.to_bytes(32, "big")}
        elif algorithm == -8:
            self.key = ed25519.Ed25519PrivateKey.generate()
            raw = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            self.cose = {1: 1, 3: -8, -1: 6, -2: raw}
        else:
            self.key = rsa.generate_private_key(65537, 2048)
            n = self.key.public_key().public_numbers()
            self.cose = {1: 3, 3: -257, -1: n.n.to_bytes(256, "big"), -2: b"\x01\x00\x01"}

    def sign(self, data):
        if self.algorithm == -7:
            return self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        if self.algorithm == -8:
            return self.key.sign(data)
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def auth_data(self, rp_id, flags):
        self.counter += 1
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + struct.pack(">I", self.counter)

    def client_data(self, kind, challenge, origin):
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()

    def create(self, options, origin, packed=False, break_it=False):
        data = self.client_data("webauthn.create", options["challenge"], origin)
        auth = self.auth_data(options["rp"]["id"], 0x45) + bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor(self.cose)
        statement = {}
        if packed:
            signature = self.sign(auth + hashlib.sha256(data).digest())
            statement = {"alg": self.algorithm, "sig": signature[:-1] + bytes([signature[-1] ^ break_it])}
        attestation = cbor({"fmt": "packed" if packed else "none", "attStmt": statement, "authData": auth})
        return {"id": b64(self.id), "type": "public-key",
                "response": {"clientDataJSON": b64(data), "attestationObject": b64(attestation)}}

    def get(self, options, origin, flags=5):
        data = self.client_data("webauthn.get", options["challenge"], origin)
        auth = self.auth_data(options["rpId"], flags)
        return {"id": b64(self.id), "type": "public-key", "response": {
            "clientDataJSON": b64(data), "authenticatorData": b64(auth),
            "signature": b64(self.sign(auth + hashlib.sha256(data).digest()))}}


def session(gateway, answer):
    cookie = answer.headers["Set-Cookie"].split("=", 1)[1].split(";")[0]
    client = Client(gateway, cookie=cookie)
    client.headers["X-Gatehouse-CSRF"] = "1"
    return client


def check_totp(gateway, client):
    begun = client.post("/session/factors/totp", {"label": "phone"}, 201)
    factor = begun["factor"]["id"]
    assert begun["uri"].startswith("otpauth://totp/Gatehouse:") and begun["secret"] in begun["uri"]
    client.post(f"/session/factors/{factor}/confirm", {"code": "000000"}, 422, problem="bad-code")
    client.post("/session/recovery-codes", None, 409, problem="no-factor")
    codes = client.post(f"/session/factors/{factor}/confirm", {"code": totp(begun["secret"], -1)})["recoveryCodes"]
    assert len(codes) == 10 and client.get("/session/recovery-codes")["remaining"] == 10
    nobody = Client(gateway)
    first = nobody.post("/session", {"username": "fiona", "password": PASSWORD}, 202)
    assert first["totp"] and first["recoveryCode"] and first["publicKey"] is None and "Set-Cookie" not in first.headers
    nobody.post("/session/second-factor", {"ticket": first["ticket"], "totp": "123456"}, 401, problem="factor-failed")
    code = totp(begun["secret"])
    good = nobody.post("/session/second-factor", {"ticket": first["ticket"], "totp": code})
    assert good["secondFactor"] is True
    session(gateway, good).get("/cas")
    nobody.post("/session/second-factor", {"ticket": first["ticket"], "totp": code}, 401, problem="ticket-over")
    # A code is good once, also in one step; so is a recovery code.
    nobody.post("/session", {"username": "fiona", "password": PASSWORD, "totp": code}, 401, problem="factor-failed")
    nobody.post("/session", {"username": "fiona", "password": PASSWORD, "recoveryCode": codes[0].upper()})
    nobody.post("/session", {"username": "fiona", "password": PASSWORD, "recoveryCode": codes[0]}, 401)
    assert client.get("/session/recovery-codes")["remaining"] == 9
    return factor, codes


def check_keys(gateway, client, origin):
    nobody = Client(gateway)
    keys = []
    for algorithm, packed in ((-7, False), (-7, True), (-8, True), (-257, True)):
        key = Authenticator(algorithm)
        begun = client.post("/session/factors/webauthn", {"label": f"key {algorithm}"})
        made = key.create(begun["publicKey"], origin, packed)
        done = client.post("/session/factors/webauthn/finish", {"ticket": begun["ticket"], "credential": made}, 201)
        assert done["factor"]["kind"] == "webauthn" and done["recoveryCodes"] is None
        keys.append(key)
    finish = "/session/factors/webauthn/finish"
    for change in ("origin", "attestation", "challenge", "rp"):
        begun = client.post("/session/factors/webauthn", {"label": "bad"})
        options = begun["publicKey"]
        if change == "challenge":
            options = {**options, "challenge": b64(os.urandom(32))}
        if change == "rp":
            options = {**options, "rp": {"id": "evil.example"}}
        bad = Authenticator(-7).create(options, "https://evil.example" if change == "origin" else origin,
                                       change == "attestation", change == "attestation")
        client.post(finish, {"ticket": begun["ticket"], "credential": bad}, 422, problem="bad-credential")
    begun = client.post("/session/factors/webauthn", {"label": "again"})
    client.post(finish, {"ticket": begun["ticket"], "credential": keys[0].create(begun["publicKey"], origin)}, 409)
    for key in keys:
        first = nobody.post("/session", {"username": "fiona", "password": PASSWORD}, 202)
        assert len(first["publicKey"]["allowCredentials"]) == 4
        good = nobody.post("/session/second-factor", {"ticket": first["ticket"],
                                                      "credential": key.get(first["publicKey"], origin, 1)})
        assert good["user"]["username"] == "fiona"
    # A cloned key shows by its counter; another's signature by not verifying.
    first = nobody.post("/session", {"username": "fiona", "password": PASSWORD}, 202)
    keys[0].counter = 0
    nobody.post("/session/second-factor", {"ticket": first["ticket"], "credential": keys[0].get(first["publicKey"], origin)}, 401)
    forged = {**keys[1].get(first["publicKey"], origin), "id": b64(keys[2].id)}
    nobody.post("/session/second-factor", {"ticket": first["ticket"], "credential": forged}, 401, problem="factor-failed")
    # As a passkey, alone: the person must have been verified.
    begun = nobody.post("/session/passkey")
    nobody.post("/session/passkey/finish", {"ticket": begun["ticket"],
                                            "credential": keys[1].get(begun["publicKey"], origin, 1)}, 401)
    good = nobody.post("/session/passkey/finish", {"ticket": begun["ticket"],
                                                   "credential": keys[1].get(begun["publicKey"], origin, 5)})
    assert good["user"]["username"] == "fiona" and good["secondFactor"] is True


def run(gateway, admin):
    origin = os.environ["GATEHOUSE_URL"]
    assert urllib.parse.urlsplit(origin).hostname == "localhost"
    user, client = new_user(gateway, admin, "fiona", [{"role": "auditor", "scope": "instance"}])
    token = Client(gateway, token=client.post("/session/tokens", {"label": "x"}, 201)["token"])
    token.post("/session/factors/totp", {"label": "x"}, 403, problem="session-needed")
    # A role that needs one: nothing else is open before it is set up.
    settings = admin.get("/access").value
    settings = admin.put("/access", {**settings, "secondFactorRoles": ["auditor"]}).value
    client.get("/cas", 403, problem="second-factor-needed")
    assert client.get("/session")["mustEnrolFactor"] is True
    token.get("/cas")
    factor, _ = check_totp(gateway, client)
    client.get("/cas")
    admin.put("/access", {**settings, "secondFactorRoles": []})
    check_keys(gateway, client, origin)
    assert len(client.post("/session/recovery-codes")["recoveryCodes"]) == 10
    client.delete(f"/session/factors/{factor}")
    assert len(client.get("/session/factors")["items"]) == 4
    admin.delete(f"/users/{user}/factors")
    client.get("/cas", 401)
    assert log_in(gateway, "fiona", PASSWORD).get("/session")["secondFactor"] is False
