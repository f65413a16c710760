#!/usr/bin/env python3
"""A proxy that ends TLS between agents and gateway: it sees every WebSocket message, writes them down, and tries to
change them.

agent_proxy.py PORT GATEWAY-PORT CERTIFICATE KEY RECORD MODE

RECORD gets what passes in the clear, in both directions. The file MODE names what to do with the next message from the
gateway (or, with a dash before it, from the agent): flip (one bit of it), repeat (send it twice), drop (leave it out),
swap (hold it back until after the next one), old (send the first sealed message that was recorded instead). It is
emptied when that is done."""
import socket
import ssl
import struct
import sys
import threading

port, target, certificate, key, record_path, mode_path = sys.argv[1:7]
record = open(record_path, "ab", buffering=0)
lock = threading.Lock()


def exactly(source, count):
    data = b""
    while len(data) < count:
        piece = source.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def head(source):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += exactly(source, 1)
    return data


def frame(source):
    """The frame as it came, and what it says."""
    start = exactly(source, 2)
    length, more = start[1] & 0x7F, b""
    if length == 126:
        more = exactly(source, 2)
        length = struct.unpack(">H", more)[0]
    elif length == 127:
        more = exactly(source, 8)
        length = struct.unpack(">Q", more)[0]
    mask = exactly(source, 4) if start[1] & 0x80 else b"\0\0\0\0"
    payload = exactly(source, length)
    if not start[1] & 0x80:
        return start + more + payload, payload, start[0] & 0x0F
    plain = bytes(octet ^ mask[i & 3] for i, octet in enumerate(payload))
    return start + more + mask + payload, plain, start[0] & 0x0F


def take_mode(prefix):
    with lock:
        try:
            text = open(mode_path).read().strip()
        except FileNotFoundError:
            return ""
        if text == "" or text.startswith("-") != (prefix == "-"):
            return ""
        open(mode_path, "w").close()
        return text.lstrip("-")


def pump(source, sink, prefix):
    count, first, held = 0, None, None
    try:
        while True:
            raw, plain, opcode = frame(source)
            record.write(plain)
            count += opcode == 2
            sealed = opcode == 2 and count > (1 if prefix == "-" else 2)  # after the handshake
            first = first or (raw if sealed else None)
            mode = take_mode(prefix) if sealed else ""
            if mode == "flip":
                raw = raw[:-20] + bytes([raw[-20] ^ 1]) + raw[-19:]
            elif mode == "repeat":
                raw += raw
            elif mode == "old":
                raw = first
            elif mode == "swap":
                held = raw
                continue
            elif mode == "drop":
                continue
            sink.sendall(raw + (held or b""))
            held = None
    except (EOFError, OSError):
        pass
    for side in (source, sink):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, context):
    outgoing = ssl.create_default_context()
    outgoing.check_hostname = False
    outgoing.verify_mode = ssl.CERT_NONE
    try:
        client = context.wrap_socket(client, server_side=True)
        gateway = outgoing.wrap_socket(socket.create_connection(("127.0.0.1", int(target))))
        gateway.sendall(head(client))
        client.sendall(head(gateway))
    except (EOFError, OSError):
        client.close()
        return
    threading.Thread(target=pump, args=(gateway, client, ""), daemon=True).start()
    pump(client, gateway, "-")


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", int(port)))
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, context), daemon=True).start()


main()
