"""CMP messages that openssl cmp does not make, put together by hand:

    cmp_messages.py pbmac1 URL REFERENCE SECRET CSR.der             a p10cr under PBMAC1; checks the answer's MAC, too
    cmp_messages.py nested URL OPENSSL RA.der RA.key MESSAGE.der... messages of others under an RA's signature
    cmp_messages.py hostile URL                                     what is no message, and messages nobody vouches for

Prints the names of the answers' bodies with their statuses."""

import hashlib
import hmac
import os
import subprocess
import sys
import urllib.error
import urllib.request

BODIES = {1: "ip", 3: "cp", 8: "kup", 12: "rp", 19: "pkiconf", 20: "nested", 22: "genp", 23: "error", 26: "pollRep"}
HMAC_SHA256 = bytes.fromhex("06082a864886f70d0209")
PBMAC1 = bytes.fromhex("06092a864886f70d01050e")
PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
ECDSA_SHA256 = bytes.fromhex("06082a8648ce3d040302")


def tlv(tag, *parts):
    content = b"".join(parts)
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts):
    return tlv(0x30, *parts)


def octets(value):
    return tlv(4, value)


def number(value):
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def read(der):
    """(tag, content, whole, rest) of the first value."""
    length, at = der[1], 2
    if length & 0x80:
        at = 2 + (length & 0x7F)
        length = int.from_bytes(der[2:at], "big")
    return der[0], der[at : at + length], der[: at + length], der[at + length :]


def parts(content):
    found = []
    while content:
        tag, inner, whole, content = read(content)
        found.append((tag, inner, whole))
    return found


def header(sender, algorithm, kid=None):
    members = [number(2), tlv(0xA4, sender), tlv(0xA4, sequence()), tlv(0xA1, algorithm)]
    if kid:
        members.append(tlv(0xA2, octets(kid)))
    return sequence(*members, tlv(0xA4, octets(os.urandom(16))), tlv(0xA5, octets(os.urandom(16))))


def post(url, message):
    request = urllib.request.Request(url, message, {"Content-Type": "application/pkixcmp"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.headers["Content-Type"] == "application/pkixcmp"
            return 200, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def describe(message):
    members = parts(read(message)[1])
    tag, inner, _ = members[1]
    name = BODIES.get(tag & 0x1F, "unknown")
    if name == "nested":
        return "nested: " + ", ".join(describe(whole) for _, _, whole in parts(read(inner)[1]))
    if name in ("ip", "cp", "kup"):
        response = parts(parts(read(inner)[1])[-1][1])[0][1]
        return f"{name} {parts(parts(response)[1][1])[0][1][0]}"
    if name == "error":
        status = parts(parts(read(inner)[1])[0][1])
        return "error " + " ".join(text.decode() for _, text, _ in parts(status[1][1]))
    return name


def mac_of(algorithm, secret, protected):
    """By the parameters in the AlgorithmIdentifier."""
    kdf = parts(parts(parts(algorithm)[1][1])[0][1])[1][1]
    salt, rounds = parts(kdf)[0][1], int.from_bytes(parts(kdf)[1][1], "big")
    key = hashlib.pbkdf2_hmac("sha256", secret, salt, rounds, 32)
    return hmac.new(key, protected, "sha256").digest()


def pbmac1(url, reference, secret, csr):
    with open(csr, "rb") as file:
        body = tlv(0xA4, file.read())
    kdf = sequence(octets(os.urandom(16)), number(1000), number(32), sequence(HMAC_SHA256))
    algorithm = sequence(PBMAC1, sequence(sequence(PBKDF2, kdf), sequence(HMAC_SHA256)))
    head = header(sequence(), algorithm, reference.encode())
    mac = mac_of(read(algorithm)[1], secret.encode(), sequence(head, body))
    status, answer = post(url, sequence(head, body, tlv(0xA0, tlv(3, b"\0", mac))))
    assert status == 200, answer
    members = parts(read(answer)[1])
    theirs = [inner for tag, inner, _ in parts(members[0][1]) if tag == 0xA1][0]
    assert read(theirs)[1].startswith(PBMAC1), "the answer is not under PBMAC1"
    want = mac_of(read(theirs)[1], secret.encode(), sequence(members[0][2], members[1][2]))
    got = [read(inner)[1][1:] for tag, inner, _ in members if tag == 0xA0][0]
    assert hmac.compare_digest(want, got), "the answer's MAC is wrong"
    print(describe(answer))


def nested(url, openssl, certificate, key, *files):
    with open(certificate, "rb") as file:
        ra = file.read()
    subject = parts(parts(read(ra)[1])[0][1])[5][2]
    inner = []
    for name in files:
        with open(name, "rb") as file:
            inner.append(file.read())
    head, body = header(subject, sequence(ECDSA_SHA256)), tlv(0xB4, sequence(*inner))
    signature = subprocess.run([openssl, "dgst", "-sha256", "-sign", key], input=sequence(head, body),
                               capture_output=True, check=True).stdout
    message = sequence(head, body, tlv(0xA0, tlv(3, b"\0", signature)), tlv(0xA1, sequence(ra)))
    status, answer = post(url, message)
    assert status == 200, answer
    print(describe(answer))


def hostile(url):
    head = header(sequence(), sequence(ECDSA_SHA256))
    unprotected = sequence(head, tlv(0xB5, sequence()))
    rows = {
        "empty": (b"", 400), "text": (b"hello", 400), "a sequence": (sequence(), 400),
        "a long length": (b"\x30\x84\x7f\xff\xff\xff", 400), "trailing": (unprotected + b"\0", 400),
        "unprotected": (unprotected, 200), "a strange body": (sequence(head, tlv(0xBF, b"\x1f\0")), 400),
        "an answer": (sequence(head, tlv(0xB3, b"\x05\0")), 200),
        "deep": (tlv(0x30, *[b"\x30\x80"] * 5000), 400), "large": (b"\x30" * 600_000, 413),
    }
    for name, (message, wanted) in rows.items():
        status, answer = post(url, message)
        assert status == wanted, f"{name}: {status} instead of {wanted}: {answer[:300]}"
        if status == 200:
            assert describe(answer).startswith("error "), f"{name}: {describe(answer)}"
    print(f"{len(rows)} hostile messages refused")


if __name__ == "__main__":
    {"pbmac1": pbmac1, "nested": nested, "hostile": hostile}[sys.argv[1]](*sys.argv[2:])
