"""An NTP server for tests (RFC 5905, server mode): the time of this machine and an offset in seconds that is read
from a file at every question. An offset of "mute" does not answer, "unsynchronised" says so.

    ntp_server.py PORT OFFSET-FILE"""

import socket
import struct
import sys
import time

EPOCH = 2208988800


def stamp(seconds):
    whole = int(seconds)
    return struct.pack(">II", (whole + EPOCH) & 0xFFFFFFFF, int((seconds - whole) * 2**32))


def main(port, path):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", int(port)))
    while True:
        packet, peer = server.recvfrom(512)
        with open(path, encoding="ascii") as file:
            said = file.read().strip()
        if said == "mute" or len(packet) < 48:
            continue
        leap, stratum = (3, 16) if said == "unsynchronised" else (0, 1)
        now = time.time() + (0 if stratum == 16 else float(said))
        server.sendto(struct.pack(">BBbb", leap << 6 | 4 << 3 | 4, stratum, 6, -20) + bytes(4) + bytes([0, 0, 0, 16])
                      + b"TEST" + stamp(now) + packet[40:48] + stamp(now) + stamp(now), peer)


main(*sys.argv[1:])
