"""Verifies an evidence record as RFC 4998 section 4.3 says, with the standard library alone.

    ers_verify.py RECORD HASH-HEX[,NEW-HASH-HEX] TOKEN-OUT

Checks that the record covers the hash; writes the archive timestamps' tokens (ContentInfo, DER) to TOKEN-OUT,
TOKEN-OUT.1 ... and prints for each the value that it must be about: verify the token against it with openssl ts. After a
change of the hash algorithm the document's new hash is needed, too."""

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
    known = {len(bytes.fromhex(one)): bytes.fromhex(one) for one in wanted.split(",")}
    older, count = b"", 0
    for number, (_, stamps, whole_chain) in enumerate(children(rest[0][1])):
        token = name = None
        for _, stamp, _ in children(stamps):
            previous, chain_name = token, name
            tree, token, algorithm = read_stamp(stamp)
            name = ALGORITHMS[algorithm or imprint_of(token)]
            assert algorithm is None or algorithm in listed, "digestAlgorithms"
            assert chain_name in (None, name), "one algorithm in a chain"
            value = known.get(hashlib.new(name).digest_size)
            if previous is not None:  # 5.3: the timestamp before it
                value = hashlib.new(name, previous).digest()
            elif number > 0:  # 5.3: the document's new hash and all the chains before
                value = hashlib.new(name, value + hashlib.new(name, sequence(older)).digest()).digest()
            print(climb(name, tree, value).hex())
            with open(token_out + (f".{count}" if count else ""), "wb") as file:
                file.write(token)
            count += 1
        older += whole_chain
    assert count > 0, "no ArchiveTimeStamp"


def sequence(content):
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return b"\x30" + (bytes([size]) if size < 128 else bytes([0x80 | len(length)]) + length) + content


def read_stamp(stamp):
    tree, token, algorithm = [], None, None
    for tag, inner, whole in children(stamp):
        if tag == 0xA0:
            algorithm = children(inner)[0][1]
        elif tag == 0xA2:
            tree = [[node for kind, node, _ in children(group) if kind == 0x04] for _, group, _ in children(inner)]
        elif tag == 0x30:
            token = whole
    assert token is not None, "timeStamp"
    return tree, token, algorithm


def imprint_of(token):
    """The algorithm of a token's imprint: ContentInfo, SignedData, encapContentInfo, TSTInfo, messageImprint."""
    signed = children(children(children(read(token, 0)[1])[1][1])[0][1])
    content = children(children(signed[2][1])[1][1])[0][1]
    return children(children(children(read(content, 0)[1])[2][1])[0][1])[0][1]


def climb(name, tree, value):
    assert not tree or value in tree[0], "the hash is not in the first list"
    for index, group in enumerate(tree):
        # 4.3, steps 2 and 3: the result goes into the next list, which is sorted, concatenated, hashed.
        nodes = group if index == 0 else group + [value]
        value = hashlib.new(name, b"".join(sorted(nodes))).digest()
    return value


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (AssertionError, IndexError, KeyError, ValueError) as error:
        print(error)
        sys.exit(1)
