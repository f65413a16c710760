"""A small ACME client for what real clients never send: every part of a request can be bent. Uses the library
`cryptography`, which certbot brings."""

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID


def b64(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64i(number, size=None):
    size = size or (number.bit_length() + 7) // 8
    return b64(number.to_bytes(size, "big"))


def jwk_of(key):
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"e": b64i(numbers.e), "kty": "RSA", "n": b64i(numbers.n)}
    if isinstance(public, ed25519.Ed25519PublicKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"crv": "Ed25519", "kty": "OKP", "x": b64(raw)}
    size = (public.curve.key_size + 7) // 8
    numbers = public.public_numbers()
    return {"crv": {256: "P-256", 384: "P-384", 521: "P-521"}[public.curve.key_size], "kty": "EC",
            "x": b64i(numbers.x, size), "y": b64i(numbers.y, size)}


def thumbprint(key):
    text = json.dumps(jwk_of(key), sort_keys=True, separators=(",", ":"))
    return b64(hashlib.sha256(text.encode()).digest())


def alg_of(key):
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return "RS256"
    if isinstance(public, ed25519.Ed25519PublicKey):
        return "EdDSA"
    return {256: "ES256", 384: "ES384", 521: "ES512"}[public.curve.key_size]


def sign(key, alg, data):
    if alg == "RS256":
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if alg == "PS256":
        return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    if alg == "EdDSA":
        return key.sign(data)
    digest = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}[alg]
    size = {"ES256": 32, "ES384": 48, "ES512": 66}[alg]
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def jws(key, alg, protected, payload):
    head = protected if isinstance(protected, str) else b64(json.dumps(protected))
    body = "" if payload is None else b64(payload if isinstance(payload, (bytes, str)) else json.dumps(payload))
    return {"protected": head, "payload": body, "signature": b64(sign(key, alg, f"{head}.{body}".encode()))}


def new_key(kind="P-256"):
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key({"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[kind])


def make_csr(names, key=None, common_name=None):
    import ipaddress
    key = key or new_key()
    subject = [] if common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    sans = []
    for name in names:
        try:
            sans.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            sans.append(x509.DNSName(name))
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject)).add_extension(
        x509.SubjectAlternativeName(sans), critical=False).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.DER)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def problem(self):
        assert self.headers.get("Content-Type", "").startswith("application/problem+json"), self
        kind = self.json["type"]
        assert kind.startswith("urn:ietf:params:acme:error:"), kind
        return kind.rsplit(":", 1)[1]

    def __repr__(self):
        return f"{self.status} {self.body[:600]!r}"


class Client:
    """directory: its URL; nodes: (host, port) of gateways that take turns, None for the directory's own."""

    def __init__(self, directory, ca_file, key=None, nodes=None, alg=None):
        self.context = ssl.create_default_context(cafile=ca_file)
        self.base = urllib.parse.urlsplit(directory)
        self.nodes = nodes or [(self.base.hostname, self.base.port)]
        self.turn = 0
        self.connections = {}
        self.key = key or new_key()
        self.alg = alg or alg_of(self.key)
        self.kid = None
        self.nonces = []
        self.directory = self.plain("GET", directory).json

    def raw(self, method, url, body=None, headers=None):
        node = self.nodes[self.turn % len(self.nodes)]
        self.turn += 1
        parts = urllib.parse.urlsplit(url)
        target = parts.path + ("?" + parts.query if parts.query else "")
        for attempt in range(2):
            if node not in self.connections:
                self.connections[node] = http.client.HTTPSConnection(*node, timeout=60, context=self.context)
            try:
                self.connections[node].request(method, target, body, headers or {})
                answer = Answer(self.connections[node].getresponse())
                break
            except (http.client.HTTPException, OSError):
                self.connections.pop(node).close()
                if attempt == 1:
                    raise
        if "Replay-Nonce" in answer.headers:
            self.nonces.append(answer.headers["Replay-Nonce"])
        return answer

    def plain(self, method, url):
        return self.raw(method, url)

    def nonce(self):
        if not self.nonces:
            self.raw("HEAD", self.directory["newNonce"])
        return self.nonces.pop()

    def protected(self, target, **changes):
        head = {"alg": self.alg, "nonce": None, "url": target}
        if self.kid is None:
            head["jwk"] = jwk_of(self.key)
        else:
            head["kid"] = self.kid
        head.update(changes)
        if head["nonce"] is None:
            head["nonce"] = self.nonce()
        return {name: value for name, value in head.items() if value is not ...}

    def send(self, url, message, content_type="application/jose+json"):
        body = message if isinstance(message, (bytes, str)) else json.dumps(message)
        return self.raw("POST", url, body, {"Content-Type": content_type})

    def post(self, target, payload=None, key=None, sign_alg=None, **changes):
        return self.send(target, jws(key or self.key, sign_alg or self.alg, self.protected(target, **changes),
                                     payload))

    def binding(self, kid, secret, **changes):
        url = self.directory["newAccount"]
        head = {"alg": "HS256", "kid": kid, "url": url, **changes}
        protected, payload = b64(json.dumps(head)), b64(json.dumps(jwk_of(self.key)))
        digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[head["alg"]]
        mac = hmac.new(base64.urlsafe_b64decode(secret + "=="), f"{protected}.{payload}".encode(), digest).digest()
        return {"protected": protected, "payload": payload, "signature": b64(mac)}

    def register(self, kid=None, secret=None, **more):
        payload = {"termsOfServiceAgreed": True, "contact": ["mailto:a@example.org"], **more}
        if kid is not None:
            payload["externalAccountBinding"] = self.binding(kid, secret)
        answer = self.post(self.directory["newAccount"], payload)
        if answer.status in (200, 201):
            self.kid = answer.headers["Location"]
        return answer

    def order(self, names, **more):
        identifiers = []
        for name in names:
            kind = "ip" if ":" in name or name.replace(".", "").isdigit() else "dns"
            identifiers.append({"type": kind, "value": name})
        return self.post(self.directory["newOrder"], {"identifiers": identifiers, **more})

    def key_authorization(self, token):
        return f"{token}.{thumbprint(self.key)}"
