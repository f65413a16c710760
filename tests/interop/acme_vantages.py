"""Validation from several places, and names that change their mind: acme_vantages.py DIRECTORY KID HMAC KIND PORT. Name
servers and proxies of its own, on the ports in NS_TRUE, NS_FALSE, PROXY_TRUE and PROXY_FALSE."""

import datetime
import hashlib
import http.server
import os
import socket
import ssl
import struct
import sys
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from acme_client import Client, b64, new_key
from acme_scenarios import CA, Responses, Server, challenge, expect, failed, finish, serve, shown, wait

TXT = {}


def name_server(port, address_of, txt_of):
    """Answers A by address_of(name, how often it was asked for it) and TXT by txt_of(name); nothing else exists."""
    asked = {}
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", port))

    def answer(query):
        end = 12
        labels = []
        while query[end]:
            labels.append(query[end + 1:end + 1 + query[end]].decode().lower())
            end += 1 + query[end]
        end += 5
        kind, name, data = struct.unpack(">H", query[end - 4:end - 2])[0], ".".join(labels), None
        if kind == 1 and address_of:
            asked[name] = asked.get(name, 0) + 1
            data = socket.inet_aton(address_of(name, asked[name]))
        if kind == 16 and txt_of(name):
            data = bytes([len(txt_of(name))]) + txt_of(name).encode()
        record = b"" if data is None else b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(data)) + data
        return query[:2] + struct.pack(">HHHHH", 0x8580, 1, 1 if record else 0, 0, 0) + query[12:end] + record

    def run():
        while True:
            query, peer = sock.recvfrom(4096)
            sock.sendto(answer(query), peer)
    threading.Thread(target=run, daemon=True).start()
    return asked


def proxy(port, truth):
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            text = Responses.answers.get(self.path.rsplit("/", 1)[1]) if truth else None
            body = (text or "what the attacker does not hold").encode()
            self.send_response(200 if text else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass
    server = Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return seen


def places():
    def here(*_):
        return "127.0.0.1"
    name_server(int(os.environ["NS_TRUE"]), here, TXT.get)
    name_server(int(os.environ["NS_FALSE"]), here, lambda name: None)
    return proxy(int(os.environ["PROXY_TRUE"]), True), proxy(int(os.environ["PROXY_FALSE"]), False)


def refused(client, name, kind, place):
    order = client.order([name]).json
    one = challenge(client, client.post(order["authorizations"][0]).json, kind)
    if kind == "http-01":
        Responses.answers[one["token"]] = client.key_authorization(one["token"])
    else:
        put_txt(client, name, one)
    client.post(one["url"], {})
    authz = wait(client, order["authorizations"][0], ("invalid", "valid"), 60).json
    expect(name, authz["status"], "invalid")
    error = challenge(client, authz, kind)["error"]
    assert f'From the vantage point "{place}": ' in error["detail"], error
    assert error["detail"].endswith(" must)"), error
    return error


def put_txt(client, name, one):
    TXT["_acme-challenge." + name] = b64(hashlib.sha256(client.key_authorization(one["token"]).encode()).digest())


def agree(client, port):
    serve(port)
    true, _ = places()
    finish(client, client.order(["agree.example.test"]), ["agree.example.test"])
    assert true == [f"http://agree.example.test:{port}/.well-known/acme-challenge/" + true[0].rsplit("/", 1)[1]], true
    shown("http-01: the gateway and two other places, a resolver and a proxy, see the same: a certificate")


def fooled(client, port):
    serve(port)
    _, false = places()
    error = refused(client, "fooled.example.test", "http-01", "away")
    assert len(false) == 1 and "status 404" in error["detail"] and "(1 of 2 agree, 2 must)" in error["detail"], error
    shown("http-01: what only the gateway's network sees is refused; the place and its words are told")


def quorum(client, port):
    serve(port)
    _, false = places()
    finish(client, client.order(["quorum.example.test"]), ["quorum.example.test"])
    expect("asked", len(false), 1)
    shown("a quorum of one of two: the other may disagree")


def dns(client, _):
    places()
    error = refused(client, "dns.example.test", "dns-01", "away")
    assert "There is no TXT record" in error["detail"], error
    shown("dns-01: a record that one resolver alone has is refused")


def moving(name, asked):
    """Outside the first time, inside from then on; `returns` the other way round."""
    return "127.0.0.1" if (asked == 1) != name.startswith("returns.") else "10.255.255.1"


def rebinding(client, port):
    serve(port)
    asked = name_server(int(os.environ["NS_TRUE"]), moving, TXT.get)
    reached = []

    def redirect(handler):
        reached.append(handler.path)
        handler.send_response(302)
        handler.send_header("Location", f"http://{handler.headers['Host']}/internal")
        handler.send_header("Content-Length", "0")
        handler.send_header("Connection", "close")
        handler.end_headers()
    before = len(Responses.seen)
    error = failed(client, "rebinding.example.test", lambda token: Responses.special.update({token: redirect}))
    assert "may not be reached" in error["detail"], error
    expect("reached", len(reached), 1)
    assert asked["rebinding.example.test"] >= 2, asked
    assert "/internal" not in [path for _, path in Responses.seen[before:]], Responses.seen
    shown("DNS rebinding: a name that points inside the second time it is asked for is not followed there")
    judged_is_dialled(client, "http-01", asked, lambda one: Responses.answers.update(
        {one["token"]: client.key_authorization(one["token"])}), lambda: len(Responses.seen))


def judged_is_dialled(client, kind, asked, answer, reached):
    """`moves` is outside and then inside, `returns` the other way round."""
    for name, wanted in (("moves.example.test", "valid"), ("returns.example.test", "invalid")):
        before = reached()
        order = client.order([name]).json
        one = challenge(client, client.post(order["authorizations"][0]).json, kind)
        answer(one)
        client.post(one["url"], {})
        authz = wait(client, order["authorizations"][0], ("valid", "invalid"), 60).json
        expect(f"{name} by {kind}", authz["status"], wanted)
        expect(f"{name}: connections", reached() - before, 1 if wanted == "valid" else 0)
        if wanted == "valid":
            expect(f"{name}: look-ups", asked[name], 1)
        else:
            assert "be reached" in challenge(client, authz, kind)["error"]["detail"], authz
    shown(f"DNS rebinding, {kind}: the address that was judged is the one that is dialled, and no other is asked for")


def tls_server(port):
    """Shows the certificate of its context's file to who asks for acme-tls/1; the list of those who did."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["acme-tls/1"])
    listener = socket.create_server(("127.0.0.1", port))
    seen = []

    def run():
        while True:
            connection, peer = listener.accept()
            seen.append(peer)
            connection.settimeout(20)
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()
    threading.Thread(target=run, daemon=True).start()
    return context, seen


def rebinding_tls(client, port):
    asked = name_server(int(os.environ["NS_TRUE"]), moving, TXT.get)
    context, seen = tls_server(port)

    def answer(one):
        key, now = new_key(), datetime.datetime.utcnow()
        digest = hashlib.sha256(client.key_authorization(one["token"]).encode()).digest()
        builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([])).serial_number(1)
        builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).public_key(key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("moves.example.test")]), critical=True)
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31"),
                                                                   b"\x04\x20" + digest), critical=True)
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
            file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
            file.flush()
            context.load_cert_chain(file.name)
    judged_is_dialled(client, "tls-alpn-01", asked, answer, lambda: len(seen))


if __name__ == "__main__":
    directory, kid, secret, kind, port = sys.argv[1:]
    account = Client(directory, CA)
    expect("account", account.register(kid, secret).status, 201)
    globals()[kind](account, int(port))
