"""What serverkeygen needs beside curl and openssl: CSRs with attributes that `openssl req` cannot write, the parts of a
multipart answer, and the ContentInfo around what was decrypted.

  attribute IN.der OID TEXT OUT.b64    adds an attribute of one OCTET STRING; the signature is then wrong, and ignored
  parts FILE                           FILE.type and FILE.part of the first part, FILE.p7 of the second
  contentinfo IN OUT                   a SignedData in its ContentInfo
  package IN OUT                       the one key in an AsymmetricKeyPackage
"""
import base64
import email
import sys


def read(der):
    """Tag, content, rest."""
    length, at = der[1], 2
    if length & 0x80:
        at += length & 0x7f
        length = int.from_bytes(der[2:at], "big")
    assert len(der) >= at + length, "cut off"
    return der[0], der[at:at + length], der[at + length:]


def items(der):
    found = []
    while der:
        tag, content, rest = read(der)
        found.append((tag, content, der[:len(der) - len(rest)]))
        der = rest
    return found


def write(tag, content):
    size = len(content)
    head = bytes([size]) if size < 128 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes(
        (size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + head + content


def oid(text):
    first, second, *more = (int(arc) for arc in text.split("."))
    out = b""
    for arc in [40 * first + second] + more:
        octets = [arc & 0x7f]
        while arc := arc >> 7:
            octets.insert(0, 0x80 | arc & 0x7f)
        out += bytes(octets)
    return write(6, out)


def add_attribute(source, name, text, target):
    with open(source, "rb") as file:
        info, algorithm, signature = items(read(file.read())[1])
    parts = items(info[1])
    attribute = write(0x30, oid(name) + write(0x31, write(4, bytes.fromhex(text))))
    attributes = sorted([part[2] for part in items(parts[3][1])] + [attribute])
    info = write(0x30, b"".join(part[2] for part in parts[:3]) + write(0xa0, b"".join(attributes)))
    with open(target, "wb") as file:
        file.write(base64.encodebytes(write(0x30, info + algorithm[2] + signature[2])))


def split(name):
    with open(name + ".head", encoding="ascii") as file:
        kind = next(line for line in file if line.lower().startswith("content-type: multipart/mixed"))
    with open(name, encoding="ascii") as file:
        message = email.message_from_string(kind + "\n" + file.read())
    key, bag = message.get_payload()
    for part in key, bag:
        assert part["Content-Transfer-Encoding"] == "base64"
    assert bag.get_content_type() == "application/pkcs7-mime" and "certs-only" in bag["Content-Type"]
    with open(name + ".type", "w", encoding="ascii") as file:
        file.write(key["Content-Type"])
    for part, suffix in (key, ".part"), (bag, ".p7"):
        with open(name + suffix, "wb") as file:
            file.write(part.get_payload(decode=True))


def convert(source, target, change):
    with open(source, "rb") as file:
        data = file.read()
    with open(target, "wb") as file:
        file.write(change(data))


def only(package):
    (key,) = items(read(package)[1])
    return key[2]


command, *words = sys.argv[1:]
if command == "attribute":
    add_attribute(*words)
elif command == "parts":
    split(*words)
elif command == "contentinfo":
    convert(*words, lambda data: write(0x30, oid("1.2.840.113549.1.7.2") + write(0xa0, data)))
elif command == "package":
    convert(*words, only)
else:
    sys.exit(__doc__)
