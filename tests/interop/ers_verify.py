"""Verifies an evidence record as RFC 4998 section 4.3 says, with the standard library alone.

    ers_verify.py RECORD HASH-HEX TOKEN-OUT

Checks that the record covers the hash; writes the archive timestamp's token (ContentInfo, DER) to TOKEN-OUT and
prints the root, which that timestamp must be about: verify the token against it with openssl ts."""

import hashlib
import sys

ALGORITHMS = {bytes.fromhex("608648016503040201"): "sha256", bytes.fromhex("608648016503040202"): "sha384",
              bytes.fromhex("608648016503040203"): "sha512", bytes.fromhex("608648016503040208"): "sha3_256"}


def read(data, at):
    """(tag, content, whole, next)"""
    tag, size, start = data[at], data[at + 1], at + 2
    if size & 0x80:
        octets = size & 0x7F
        assert 1 <= octets <= 4, "length"
        size = int.from_bytes(data[start:start + octets], "big")
        start += octets
    assert start + size <= len(data), "cut short"
    return tag, data[start:start + size], data[at:start + size], start + size


def children(content):
    items, at = [], 0
    while at < len(content):
        tag, inner, whole, at = read(content, at)
        items.append((tag, inner, whole))
    return items


def main(path, wanted, token_out):
    with open(path, "rb") as file:
        data = file.read()
    tag, content, whole, _ = read(data, 0)
    assert tag == 0x30 and len(whole) == len(data), "EvidenceRecord"
    version, digests, *rest = children(content)
    assert version[:2] == (0x02, b"\x01"), "version"
    listed = [children(inner)[0][1] for _, inner, _ in children(digests[1])]
    assert len(rest) == 1 and rest[0][0] == 0x30, "no cryptoInfos, no encryptionInfo"
    chains = children(rest[0][1])
    assert len(chains) == 1, "one ArchiveTimeStampChain"
    stamps = children(chains[0][1])
    assert len(stamps) == 1, "one ArchiveTimeStamp"
    tree, token, algorithm = [], None, listed[0]
    for tag, inner, whole in children(stamps[0][1]):
        if tag == 0xA0:
            algorithm = children(inner)[0][1]
        elif tag == 0xA2:
            tree = [[node for kind, node, _ in children(group) if kind == 0x04] for _, group, _ in children(inner)]
        elif tag == 0x30:
            token = whole
    assert token is not None and algorithm in listed, "timeStamp, digestAlgorithms"
    name = ALGORITHMS[algorithm]
    value = bytes.fromhex(wanted)
    assert not tree or value in tree[0], "the hash is not in the first list"
    for index, group in enumerate(tree):
        # 4.3, steps 2 and 3: the result goes into the next list, which is sorted, concatenated, hashed.
        nodes = group if index == 0 else group + [value]
        value = hashlib.new(name, b"".join(sorted(nodes))).digest()
    with open(token_out, "wb") as file:
        file.write(token)
    print(value.hex())


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (AssertionError, IndexError, KeyError, ValueError) as error:
        print(error)
        sys.exit(1)
