"""device-attest-01 with statements made here, in the three formats: acme_attest.py DIRECTORY KID HMAC ROOT-KEY
ROOT-CERTIFICATE, the last two PEM files of a maker that the template trusts."""

import datetime
import hashlib
import struct
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import NameOID, ObjectIdentifier

from acme_client import Client, b64, new_key
from acme_scenarios import CA, expect, shown

MAKER = {}


def cbor(value):
    def head(major, number):
        if number < 24:
            return bytes([major << 5 | number])
        if number < 256:
            return bytes([major << 5 | 24, number])
        return bytes([major << 5 | 25]) + struct.pack(">H", number)
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(name) + cbor(one) for name, one in value.items())


def certificate(public, extensions, name="device", issuer=None, key=None, ca=False, days=365):
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder()
               .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
               .issuer_name((issuer or MAKER["certificate"]).subject).public_key(public)
               .serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(days=days + 1) if days < 0
                                 else now - datetime.timedelta(hours=1))
               .not_valid_after(now + datetime.timedelta(days=days))
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                   (issuer or MAKER["certificate"]).public_key()), False))
    for one in extensions:
        builder = builder.add_extension(one, False)
    return builder.sign(key or MAKER["key"], hashes.SHA256())


def der(cert):
    return cert.public_bytes(serialization.Encoding.DER)


def other(oid, value):
    return x509.UnrecognizedExtension(ObjectIdentifier(oid), value)


def intermediate():
    """As makers have it: the root signs a subordinate, which signs the devices'."""
    key = new_key()
    return key, certificate(key.public_key(), [], "Maker Sub", ca=True)


def apple(token, serial, key):
    sub_key, sub = intermediate()
    leaf = certificate(key.public_key(), [
        other("1.2.840.113635.100.8.11.1", hashlib.sha256(token.encode()).digest()),
        other("1.2.840.113635.100.8.9.1", serial.encode()),
        other("1.2.840.113635.100.8.9.2", b"00008101-000A1B2C3D4E5F60")], issuer=sub, key=sub_key)
    return {"fmt": "apple", "attStmt": {"x5c": [der(leaf), der(sub)]}}


def step(key_authorization, serial, key, wrap=True):
    number = int(serial).to_bytes(5, "big").lstrip(b"\0")
    number = b"\0" + number if number[0] & 0x80 else number
    sub_key, sub = intermediate()
    leaf = certificate(key.public_key(), [other("1.3.6.1.4.1.41482.3.7", bytes([2, len(number)]) + number)],
                       issuer=sub, key=sub_key)
    signature = key.sign(key_authorization.encode(), ec.ECDSA(hashes.SHA256()))
    return {"fmt": "step", "attStmt": {"alg": -7, "sig": cbor(signature) if wrap else signature,
                                       "x5c": [der(leaf), der(sub)]}}


def sized(value):
    return struct.pack(">H", len(value)) + value


def tpm_public(key, attributes=0x00040072):
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return (struct.pack(">HHI", 0x0001, 0x000b, attributes) + sized(b"") + struct.pack(">HHHI", 0x10, 0x10, 2048, 0)
                + sized(numbers.n.to_bytes(256, "big")))
    return (struct.pack(">HHI", 0x0023, 0x000b, attributes) + sized(b"") + struct.pack(">HHHH", 0x10, 0x10, 3, 0x10)
            + sized(numbers.x.to_bytes(32, "big")) + sized(numbers.y.to_bytes(32, "big")))


def permanent_san(name):
    value = name.encode()
    utf8 = bytes([0x0c, len(value)]) + value
    return x509.SubjectAlternativeName([x509.OtherName(ObjectIdentifier("1.3.6.1.5.5.7.8.3"),
                                                       bytes([0x30, len(utf8)]) + utf8)])


def tpm(key_authorization, serial, key, ak=None, area=None, usage="2.23.133.8.3", extra=None):
    ak = ak or rsa.generate_private_key(65537, 2048)
    area = area or tpm_public(key)
    extra = hashlib.sha256(key_authorization.encode()).digest() if extra is None else extra
    info = (struct.pack(">IH", 0xff544347, 0x8017) + sized(b"\0\x0b" + bytes(32)) + sized(extra) + bytes(25)
            + sized(b"\0\x0b" + hashlib.sha256(area).digest()) + sized(b"\0\x0b" + bytes(32)))
    leaf = certificate(ak.public_key(), [permanent_san(serial), x509.ExtendedKeyUsage([ObjectIdentifier(usage)])])
    if isinstance(ak, rsa.RSAPrivateKey):
        signature = struct.pack(">HH", 0x14, 0x0b) + sized(ak.sign(info, padding.PKCS1v15(), hashes.SHA256()))
    else:
        r, s = utils.decode_dss_signature(ak.sign(info, ec.ECDSA(hashes.SHA256())))
        signature = struct.pack(">HH", 0x18, 0x0b) + sized(r.to_bytes(32, "big")) + sized(s.to_bytes(32, "big"))
    return {"fmt": "tpm", "attStmt": {"ver": "2.0", "alg": -257, "x5c": [der(leaf)], "sig": signature,
                                      "certInfo": info, "pubArea": area}}


def csr(key, common_name, permanent=None):
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
    if permanent is not None:
        builder = builder.add_extension(permanent_san(permanent), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Device:
    def __init__(self, client, serial):
        self.client = client
        self.order = client.post(client.directory["newOrder"],
                                 {"identifiers": [{"type": "permanent-identifier", "value": serial}]})
        expect("order", self.order.status, 201)
        authz = client.post(self.order.json["authorizations"][0]).json
        expect("challenges", [one["type"] for one in authz["challenges"]], ["device-attest-01"])
        self.url, self.token = authz["challenges"][0]["url"], authz["challenges"][0]["token"]
        self.key_authorization = client.key_authorization(self.token)

    def answer(self, statement):
        raw = statement if isinstance(statement, bytes) else cbor(statement)
        return self.client.post(self.url, {"attObj": b64(raw)})

    def finalize(self, request):
        return self.client.post(self.order.json["finalize"], {"csr": b64(request)})


def proved(client, kind, serial, key, make, request=None):
    device = Device(client, serial)
    answer = device.answer(make(device))
    expect(f"{kind}: challenge", (answer.status, answer.json["status"]), (200, "valid"))
    expect(f"{kind}: another key", device.finalize(csr(new_key(), serial)).problem, "badCSR")
    answer = device.finalize(request or csr(key, serial))
    expect(f"{kind}: finalize {answer}", (answer.status, answer.json["status"]), (200, "valid"))
    chain = x509.load_pem_x509_certificates(client.post(answer.json["certificate"]).body)
    expect(f"{kind}: key", chain[0].public_key().public_numbers(), key.public_key().public_numbers())
    shown(f"device-attest-01, {kind}: a certificate for the attested key alone")
    return chain[0]


def refused(client, serial, what, make, words):
    device = Device(client, serial)
    answer = device.answer(make(device))
    expect(f"{what}: {answer}", (answer.status, answer.json["status"]), (200, "invalid"))
    error = answer.json["error"]
    assert error["type"].endswith(":badAttestationStatement") and words in error["detail"], (what, error)


def main(directory, kid, secret, key_file, certificate_file):
    with open(key_file, "rb") as file:
        MAKER["key"] = serialization.load_pem_private_key(file.read(), None)
    with open(certificate_file, "rb") as file:
        MAKER["certificate"] = x509.load_pem_x509_certificate(file.read())
    client = Client(directory, CA)
    expect("account", client.register(kid, secret).status, 201)

    key = new_key("P-384")
    proved(client, "Apple", "C02XK1ABCD", key, lambda d: apple(d.token, "C02XK1ABCD", key))
    key = new_key()
    proved(client, "YubiKey (step)", "17281234", key, lambda d: step(d.key_authorization, "17281234", key))
    key = new_key()
    certificate_ = proved(client, "TPM, EC key", "tpm-0001", key, lambda d: tpm(d.key_authorization, "tpm-0001", key),
                          csr(key, "tpm-0001", "tpm-0001"))
    names = certificate_.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    expect("permanentIdentifier", [one.type_id.dotted_string for one in names], ["1.3.6.1.5.5.7.8.3"])
    key = new_key("RSA")
    proved(client, "TPM, RSA key, EC attestation key", "tpm-0002", key,
           lambda d: tpm(d.key_authorization, "tpm-0002", key, ak=new_key()))

    key = new_key()
    refused(client, "C02", "another token", lambda d: apple("x" + d.token, "C02", key), "not for this challenge")
    refused(client, "C02", "another device", lambda d: apple(d.token, "C03", key), "is of C03, not of C02")
    refused(client, "1", "another key authorization", lambda d: step("x", "1", key), "not for this challenge")
    refused(client, "t", "another extraData", lambda d: tpm(d.key_authorization, "t", key, extra=bytes(32)),
            "not for this challenge")
    refused(client, "t", "another key", lambda d: {**(s := tpm(d.key_authorization, "t", key)), "attStmt": {
        **s["attStmt"], "pubArea": tpm_public(new_key())}}, "certifies another key")
    refused(client, "t", "a key that can leave", lambda d: tpm(d.key_authorization, "t", key,
                                                             area=tpm_public(key, 0x00040060)), "can leave it")
    refused(client, "t", "no attestation key", lambda d: tpm(d.key_authorization, "t", key, usage="1.3.6.1.5.5.7.3.2"),
            "attestation key")
    stranger = new_key()
    self_signed = {"certificate": x509.CertificateBuilder().subject_name(MAKER["certificate"].subject).issuer_name(
        MAKER["certificate"].subject).public_key(stranger.public_key()).serial_number(1).not_valid_before(
            datetime.datetime.utcnow()).not_valid_after(datetime.datetime.utcnow() + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(True, None), True).sign(stranger, hashes.SHA256()), "key": stranger}
    honest = dict(MAKER)
    MAKER.update(self_signed)
    refused(client, "C02", "another maker", lambda d: apple(d.token, "C02", key), "")
    MAKER.update(honest)
    refused(client, "C02", "no CBOR", lambda d: b"\xbf\xff", "CBOR")
    refused(client, "C02", "nested", lambda d: b"\x81" * 5000 + b"\0", "CBOR")
    refused(client, "C02", "a count that cannot be", lambda d: b"\xbb" + b"\xff" * 8, "CBOR")
    refused(client, "C02", "unknown format", lambda d: {"fmt": "none", "attStmt": {}}, "apple, tpm or step")
    shown("device-attest-01: wrong tokens, devices, keys, makers and statements are refused, each with its reason")
    expect("outside the policy", client.post(client.directory["newOrder"], {"identifiers": [
        {"type": "permanent-identifier", "value": "other-1"}]}).problem, "rejectedIdentifier")
    shown("device-attest-01: devices that the policy does not name get no order")


main(*sys.argv[1:])
