"""A signed PDF with a timestamp (ISO 32000-1, 12.8; RFC 3161, appendix A), with the standard library alone.

    pdf_sign.py prepare OUT.pdf OUT.bytes        an empty page with room for a signature; what is to be signed
    pdf_sign.py imprint CMS.der OUT              the signature value of a CMS SignedData, which the timestamp is about
    pdf_sign.py stamp CMS.der RESPONSE OUT.der   the token goes in as unsigned attribute id-aa-timeStampToken
    pdf_sign.py fill PDF CMS.der                 the CMS goes into its room
    pdf_sign.py token PDF TOKEN SIGNATURE        takes token and signature value out of a PDF"""

import re
import sys

from ers_verify import children, read

ROOM = 16000
TIMESTAMP_TOKEN = bytes.fromhex("060b2a864886f70d010910020e")


def write(tag, content):
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def signer_of(cms):
    """(parts of SignedData, parts of the one SignerInfo)"""
    content_info = children(read(cms, 0)[1])
    signed = children(children(content_info[1][1])[0][1])
    return content_info, signed, children(children(signed[-1][1])[0][1])


def signature_of(signer):
    return [one for one in signer if one[0] == 0x04][-1][1]


def prepare(pdf, out):
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] /SigFlags 3 >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Annots [4 0 R] >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Signature) /F 132 /Rect [0 0 0 0] /P 3 0 R /V 5 0 R >>",
        b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached /M (D:20260101000000Z) /ByteRange [0 "
        + b"0" * 10 + b" " + b"0" * 10 + b" " + b"0" * 10 + b"] /Contents <" + b"0" * 2 * ROOM + b"> >>",
    ]
    data, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in places)
    data += b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start
    begin, end = data.index(b"/Contents <") + 10, data.index(b"> >>\nendobj\nxref") + 1
    old = b"[0 " + b"0" * 10 + b" " + b"0" * 10 + b" " + b"0" * 10 + b"]"
    data = data.replace(old, b"[0 %010d %010d %010d]" % (begin, end, len(data) - end))
    with open(pdf, "wb") as file:
        file.write(data)
    with open(out, "wb") as file:
        file.write(data[:begin] + data[end:])


def imprint(cms, out):
    with open(cms, "rb") as file, open(out, "wb") as to:
        to.write(signature_of(signer_of(file.read())[2]))


def stamp(cms, response, out):
    with open(cms, "rb") as file:
        content_info, signed, signer = signer_of(file.read())
    with open(response, "rb") as file:
        token = children(read(file.read(), 0)[1])[1][2]
    attribute = write(0x30, TIMESTAMP_TOKEN + write(0x31, token))
    info = write(0x30, b"".join(whole for _, _, whole in signer) + write(0xA1, attribute))
    body = b"".join(whole for _, _, whole in signed[:-1]) + write(0x31, info)
    with open(out, "wb") as file:
        file.write(write(0x30, content_info[0][2] + write(0xA0, write(0x30, body))))


def fill(pdf, cms):
    with open(pdf, "rb") as file:
        data = file.read()
    with open(cms, "rb") as file:
        text = file.read().hex().encode()
    assert len(text) <= 2 * ROOM, "room"
    at = data.index(b"/Contents <") + 11
    with open(pdf, "wb") as file:
        file.write(data[:at] + text + data[at + len(text):])


def token(pdf, token_out, signature_out):
    with open(pdf, "rb") as file:
        data = file.read()
    one, two, three, four = map(int, re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", data).groups())
    assert one == 0 and three + four == len(data), "the signature covers the whole file"
    _, _, signer = signer_of(bytes.fromhex(data[two + 1:three - 1].decode()))
    attributes = children([one for one in signer if one[0] == 0xA1][0][1])
    found = [children(whole)[0] for _, whole, _ in attributes]
    assert found[0][2] == TIMESTAMP_TOKEN, "id-aa-timeStampToken"
    with open(token_out, "wb") as file:
        file.write(children(children(attributes[0][1])[1][1])[0][2])
    with open(signature_out, "wb") as file:
        file.write(signature_of(signer))


if __name__ == "__main__":
    {"prepare": prepare, "imprint": imprint, "stamp": stamp, "fill": fill, "token": token}[sys.argv[1]](*sys.argv[2:])
