"""yubikey_management.py CARD DIRECTORY OPENSSL: the management key of yubikey-card, 3DES and AES, without a pcscd.

This is the reader (vpcd: two octets of length, then a command, to a card that connects) and the host: it authenticates by
witness and challenge (SP 800-73-4 part 2, A.1), sets keys of each AES size, and sees what is wrong refused. ykcs11 before
2.3 knows 3DES alone."""
import os
import socket
import subprocess
import sys

card, directory, openssl = sys.argv[1:]
listener = socket.create_server(("127.0.0.1", 0))
process = subprocess.Popen([card, str(listener.getsockname()[1]), directory])
listener.settimeout(10)
line = listener.accept()[0]
line.settimeout(10)


def exactly(count):
    data = b""
    while len(data) < count:
        part = line.recv(count - len(data))
        assert part, "the card is gone"
        data += part
    return data


def command(head, data=b""):
    """Data and status of the answer."""
    message = bytes.fromhex(head) + (bytes([len(data)]) + data if data else b"")
    line.sendall(len(message).to_bytes(2, "big") + message)
    answer = exactly(int.from_bytes(exactly(2), "big"))
    return answer[:-2], int.from_bytes(answer[-2:], "big")


def good(head, data=b""):
    answer, status = command(head, data)
    assert status == 0x9000, f"{head}: {status:04x}"
    return answer


def refused(status, head, data=b""):
    assert command(head, data)[1] == status, f"{head} is not refused with {status:04x}"


def ecb(cipher, key, data, *options):
    return subprocess.run([openssl, "enc", f"-{cipher}", "-K", key.hex(), "-nopad", *options], input=data,
                          capture_output=True, check=True).stdout


def select():
    good("00a40400", bytes.fromhex("a000000308"))


def tlv(tag, value):
    return bytes([tag, len(value)]) + value


def witness(number):
    answer = good(f"0087{number:02x}9b", tlv(0x7C, tlv(0x80, b"")))
    assert answer[0] == 0x7C and answer[2] == 0x80 and len(answer) == 4 + answer[3]
    return answer[4:]


def authenticate(number, cipher, key):
    shown = witness(number)
    challenge = os.urandom(len(shown))
    both = tlv(0x80, ecb(cipher, key, shown, "-d")) + tlv(0x81, challenge)
    answer = good(f"0087{number:02x}9b", tlv(0x7C, both))
    assert answer == tlv(0x7C, tlv(0x82, ecb(cipher, key, challenge))), "the card does not prove the key"


def guess(number):
    shown = witness(number)
    both = tlv(0x80, bytes(len(shown))) + tlv(0x81, bytes(len(shown)))
    refused(0x6982, f"0087{number:02x}9b", tlv(0x7C, both))


def set_key(number, key):
    return bytes([number, 0x9B, len(key)]) + key


now = (0x03, "des-ede3", bytes(range(1, 9)) * 3)
select()
guess(now[0])
for following in ((0x08, "aes-128-ecb", 16), (0x0A, "aes-192-ecb", 24), (0x0C, "aes-256-ecb", 32)):
    new = (following[0], following[1], os.urandom(following[2]))
    refused(0x6982, "00ffffff", set_key(new[0], new[2]))
    authenticate(*now)
    refused(0x6A80, "00ffffff", set_key(new[0], new[2][1:]))
    refused(0x6A80, "00ffffff", set_key(0x05, new[2]))
    good("00ffffff", set_key(new[0], new[2]))
    select()
    refused(0x6A86, f"0087{now[0]:02x}9b", tlv(0x7C, tlv(0x80, b"")))
    guess(new[0])
    now = new
authenticate(*now)
process.terminate()
process.wait(10)
