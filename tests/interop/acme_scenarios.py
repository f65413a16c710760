"""What no packaged client does: see acme-protocol.sh. acme_scenarios.py NAME ARGUMENT..."""

import base64
import json
import os
import socket
import socketserver
import sys
import threading
import time
import http.server

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from acme_client import Client, alg_of, b64, jwk_of, jws, make_csr, new_key, thumbprint

CA = os.environ["GATEHOUSE_TLS_CERT"]


def shown(text):
    print("shown:", text, flush=True)


def expect(what, got, wanted):
    assert got == wanted, f"{what}: {got!r}, not {wanted!r}"


def wait(client, url, states, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        answer = client.post(url)
        assert answer.status == 200, answer
        if answer.json["status"] in states or time.monotonic() > deadline:
            return answer
        time.sleep(0.2)


class Responses(http.server.BaseHTTPRequestHandler):
    """Key authorizations by token; everything else by the table `special`."""
    answers = {}
    special = {}
    seen = []

    def do_GET(self):
        Responses.seen.append((self.headers.get("Host"), self.path))
        token = self.path.rsplit("/", 1)[1]
        if token in Responses.special:
            return Responses.special[token](self)
        body = Responses.answers.get(token, "nothing").encode()
        self.send_response(200 if token in Responses.answers else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True


class Server6(Server):
    address_family = socket.AF_INET6


def serve(port, host="127.0.0.1"):
    server = (Server6 if ":" in host else Server)((host, port), Responses)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def challenge(client, authz, kind):
    return next(one for one in authz["challenges"] if one["type"] == kind)


def prove(client, order, kind="http-01"):
    for url in order["authorizations"]:
        authz = client.post(url).json
        if authz["status"] == "valid":
            continue
        one = challenge(client, authz, kind)
        Responses.answers[one["token"]] = client.key_authorization(one["token"])
        answer = client.post(one["url"], {})
        expect("challenge", answer.status, 200)
        assert f'<{url}>;rel="up"' in answer.headers.get_all("Link"), answer.headers
        answer = wait(client, url, ("valid", "invalid"))
        expect("authorization", answer.json["status"], "valid")


def finish(client, answer, names, key=None, kind="http-01"):
    expect("new order", answer.status, 201)
    location = answer.headers["Location"]
    prove(client, answer.json, kind)
    answer = client.post(answer.json["finalize"], {"csr": b64(make_csr(names, key))})
    expect("finalize", (answer.status, answer.json.get("status")), (200, "valid"))
    expect("order", client.post(location).json["status"], "valid")
    chain = client.post(answer.json["certificate"])
    expect("certificate", chain.status, 200)
    return x509.load_pem_x509_certificates(chain.body), chain, location


def ari_of(certificate):
    aki = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    serial = certificate.serial_number
    return f"{b64(aki)}.{b64(serial.to_bytes(serial.bit_length() // 8 + 1, 'big'))}"


def algorithms(directory, kid, secret):
    for kind, alg in (("P-256", None), ("P-384", None), ("P-521", None), ("Ed25519", None), ("RSA", "RS256"),
                      ("RSA", "PS256")):
        client = Client(directory, CA, key=new_key(kind), alg=alg)
        expect(f"{kind} {alg}", client.register(kid, secret).status, 201)
        names = [f"{kind.lower()}.example.test"]
        certificates, _, _ = finish(client, client.order(names), names)
        expect("names", certificates[0].extensions.get_extension_for_class(
            x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName), names)
    shown("accounts by ES256, ES384, ES512, EdDSA, RS256 and PS256 get certificates")


def protocol(directory, kid, secret, port):
    serve(int(port))
    client = Client(directory, CA)
    head = client.plain("HEAD", client.directory["newNonce"])
    assert head.status == 200 and head.headers["Cache-Control"] == "no-store" and "Replay-Nonce" in head.headers
    expect("no account yet", client.register(onlyReturnExisting=True).problem, "accountDoesNotExist")
    expect("no binding", client.register().problem, "externalAccountRequired")
    first = client.register(kid, secret)
    expect("account", first.status, 201)
    client.kid = None
    again = client.register(kid, secret)
    expect("the same account", (again.status, again.headers["Location"]), (200, first.headers["Location"]))
    expect("contact", client.post(client.kid, {"contact": ["mailto:b@example.org"]}).json["contact"],
           ["mailto:b@example.org"])
    expect("bad contact", client.post(client.kid, {"contact": ["mailto:a@b,c@d"]}).problem, "invalidContact")
    expect("tel contact", client.post(client.kid, {"contact": ["tel:1"]}).problem, "unsupportedContact")
    shown("accounts: existing ones only, binding required, the same key is the same account, contacts")

    names = ["a.example.test", "b.example.test"]
    answer = client.order(names)
    expect("pending", answer.json["status"], "pending")
    early = client.post(answer.json["finalize"], {"csr": b64(make_csr(names))})
    expect("too early", (early.status, early.problem), (403, "orderNotReady"))
    location = answer.headers["Location"]
    prove(client, answer.json)
    expect("ready", client.post(location).json["status"], "ready")
    for wrong, what in ((["a.example.test"], "a name missing"), (names + ["c.example.test"], "one more"),
                        (["a.example.test", "c.example.test"], "another")):
        expect(what, client.post(answer.json["finalize"], {"csr": b64(make_csr(wrong))}).problem, "badCSR")
    expect("account key", client.post(answer.json["finalize"], {"csr": b64(make_csr(names, client.key))}).problem,
           "badCSR")
    expect("no CSR", client.post(answer.json["finalize"], {"csr": b64(b"0\x03\x02\x01\x00")}).problem, "badCSR")
    certificates, chain, location = finish(client, client.order(names), names)
    expect("chain", len(certificates), 2)
    link = [one for one in chain.headers.get_all("Link") if 'rel="alternate"' in one][0]
    alternate = client.post(link[1:link.index(">")])
    expect("alternate chain with the root", len(x509.load_pem_x509_certificates(alternate.body)), 3)
    assert location in client.post(client.kid + "/orders").json["orders"]
    shown("orders: pending, ready, CSRs that do not match, chain and alternate chain, the account's list")

    empty = make_csr(["a.example.test"])
    order = client.order(["a.example.test"])
    expect("reused authorization", order.json["status"], "ready")
    answer = client.post(order.json["finalize"], {"csr": b64(empty)})
    certificate = x509.load_pem_x509_certificates(client.post(answer.json["certificate"]).body)[0]
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert san.critical == (len(list(certificate.subject)) == 0)
    shown("a CSR without a subject is certified, with critical names when the subject stays empty")

    authz = client.post(client.directory["newAuthz"],
                        {"identifier": {"type": "dns", "value": "pre.example.test"}})
    expect("pre-authorization", authz.status, 201)
    expect("deactivated", client.post(authz.headers["Location"], {"status": "deactivated"}).json["status"],
           "deactivated")
    expect("wildcard ahead", client.post(client.directory["newAuthz"], {
        "identifier": {"type": "dns", "value": "*.example.test"}}).problem, "malformed")
    shown("pre-authorization and deactivated authorizations")

    der = certificate.public_bytes(serialization.Encoding.DER)
    stranger = Client(directory, CA)
    stranger.register(kid, secret)
    revoke = client.directory["revokeCert"]
    expect("stranger", stranger.post(revoke, {"certificate": b64(der)}).problem, "unauthorized")
    expect("reason", client.post(revoke, {"certificate": b64(der), "reason": 6}).problem, "badRevocationReason")
    expect("revoked", client.post(revoke, {"certificate": b64(der), "reason": 4}).status, 200)
    expect("again", client.post(revoke, {"certificate": b64(der)}).problem, "alreadyRevoked")
    own_key = new_key()
    certificates, _, _ = finish(client, client.order(names), names, own_key)
    der = certificates[0].public_bytes(serialization.Encoding.DER)
    by_key = Client(directory, CA, key=own_key)
    expect("by the certificate's key", by_key.post(revoke, {"certificate": b64(der), "reason": 1}).status, 200)
    shown("revocation by account and by certificate key; strangers, wrong reasons and repetition are refused")

    key_change(client, stranger)
    ari(client, names)
    expect("deactivated", client.post(client.kid, {"status": "deactivated"}).json["status"], "deactivated")
    expect("afterwards", client.order(names).problem, "unauthorized")
    shown("a deactivated account can do nothing more")


def key_change(client, stranger):
    url, fresh = client.directory["keyChange"], new_key("P-384")

    def inner(key, old, account):
        return jws(key, alg_of(key), {"alg": alg_of(key), "jwk": jwk_of(key), "url": url},
                   {"account": account, "oldKey": jwk_of(old)})
    expect("taken key", client.post(url, inner(stranger.key, client.key, client.kid)).status, 409)
    expect("wrong old key", client.post(url, inner(fresh, stranger.key, client.kid)).problem, "malformed")
    expect("changed", client.post(url, inner(fresh, client.key, client.kid)).status, 200)
    old, old_alg = client.key, client.alg
    expect("the old key", client.post(client.kid, None, key=old, sign_alg=old_alg, alg=old_alg).status, 400)
    client.key, client.alg = fresh, alg_of(fresh)
    expect("the new key", client.post(client.kid).status, 200)
    shown("key change: proof of the new key, a key with an account of its own, the old key is worth nothing")


def ari(client, names):
    certificates, _, _ = finish(client, client.order(names), names)
    name = ari_of(certificates[0])
    answer = client.plain("GET", client.directory["renewalInfo"] + "/" + name)
    expect("renewal information", answer.status, 200)
    assert int(answer.headers["Retry-After"]) > 0
    window = answer.json["suggestedWindow"]
    life = (certificates[0].not_valid_after - certificates[0].not_valid_before).total_seconds()
    start = time.mktime(time.strptime(window["start"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    began = (certificates[0].not_valid_before - __import__("datetime").datetime(1970, 1, 1)).total_seconds()
    assert 0.6 < (start - began) / life < 0.7, window
    expect("unknown", client.plain("GET", client.directory["renewalInfo"] + "/AAAA.AAAA").status, 404)
    expect("broken", client.plain("GET", client.directory["renewalInfo"] + "/AAAA").status, 400)
    finish(client, client.order(names, replaces=name), names)
    answer = client.order(names, replaces=name)
    expect("replaced twice", (answer.status, answer.problem), (409, "alreadyReplaced"))
    client.post(client.directory["revokeCert"], {
        "certificate": b64(certificates[0].public_bytes(serialization.Encoding.DER))})
    window = client.plain("GET", client.directory["renewalInfo"] + "/" + name).json["suggestedWindow"]
    assert window["end"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time())), window
    shown("renewal information: a window, replacing once, at once after a revocation")


def addresses(directory, kid, secret, port):
    serve(int(port))
    client = Client(directory, CA)
    client.register(kid, secret)
    certificates, _, _ = finish(client, client.order(["127.0.0.1"]), ["127.0.0.1"])
    values = certificates[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    expect("addresses", [str(one) for one in values.get_values_for_type(x509.IPAddress)], ["127.0.0.1"])
    kinds = {one["type"] for one in client.post(client.order(["::1"]).json["authorizations"][0]).json["challenges"]}
    expect("challenges of an address", kinds, {"http-01", "tls-alpn-01"})
    wrong = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": "127.0.0.1"}]})
    expect("an address as a DNS name", wrong.problem, "malformed")
    shown("a certificate for an IP address by http-01")


def hostile(directory, kid, secret, port, closed):
    serve(int(port))
    client = Client(directory, CA)
    client.register(kid, secret)
    url = client.directory["newOrder"]
    payload = {"identifiers": [{"type": "dns", "value": "h.example.test"}]}

    def bent(**changes):
        return client.post(url, payload, **changes)
    message = jws(client.key, client.alg, client.protected(url), payload)
    expect("first", client.send(url, message).status, 201)
    expect("replayed", client.send(url, message).problem, "badNonce")
    read = jws(client.key, client.alg, client.protected(client.kid), None)
    expect("read", client.send(client.kid, read).status, 200)
    expect("replayed read", client.send(client.kid, read).problem, "badNonce")
    expect("made-up nonce", bent(nonce=b64(os.urandom(40))).problem, "badNonce")
    nonce = base64.urlsafe_b64decode(client.nonce() + "==")
    expect("bent nonce", bent(nonce=b64(bytes([nonce[0] ^ 1]) + nonce[1:])).problem, "badNonce")
    expect("no nonce", bent(nonce=...).problem, "badNonce")
    failing = jws(client.key, client.alg, client.protected(url), {"identifiers": []})
    expect("refused", client.send(url, failing).problem, "malformed")
    expect("and spent", client.send(url, failing).problem, "badNonce")
    expect("wrong url", bent(url=url + "x").problem, "unauthorized")
    expect("url of another resource", client.send(url, jws(client.key, client.alg, client.protected(
        client.directory["newAuthz"]), payload)).problem, "unauthorized")
    expect("no url", bent(url=...).problem, "malformed")
    expect("jwk and kid", bent(jwk=jwk_of(client.key)).problem, "malformed")
    expect("jwk instead of kid", bent(kid=..., jwk=jwk_of(client.key)).problem, "malformed")
    expect("unknown kid", bent(kid=client.kid[:-1] + ("0" if client.kid[-1] != "0" else "1")).problem,
           "accountDoesNotExist")
    expect("foreign kid", bent(kid="https://elsewhere.example/acme/_/acct/1").problem, "accountDoesNotExist")
    expect("kid for a new account", client.post(client.directory["newAccount"], {}).problem, "malformed")
    expect("another key", bent_key(client, url, payload), "malformed")
    shown("nonces are single-use, url, kid and jwk are held to rfc8555#6")

    for alg in ("none", "HS256", "RS256", "ES384", "es256", "", "EdDSA", "RS1", "ML-DSA-65"):
        answer = client.send(url, jws(client.key, client.alg, client.protected(url, alg=alg), payload))
        expect(f"alg {alg}", answer.problem, "badSignatureAlgorithm")
        assert "ES256" in answer.json["algorithms"]
    unsigned = jws(client.key, client.alg, client.protected(url), payload)
    unsigned["signature"] = ""
    expect("no signature", client.send(url, unsigned).problem, "malformed")
    for name, value in (("crit", ["exp"]), ("b64", False)):
        expect(name, bent(**{name: value}).problem, "malformed")
    expect("unprotected header", client.send(url, {**jws(client.key, client.alg, client.protected(url), payload),
                                                   "header": {}}).problem, "malformed")
    expect("signatures", client.send(url, {"payload": "", "signatures": []}).problem, "malformed")
    expect("media type", client.send(url, unsigned, "application/json").status, 415)
    shown("alg none, MACs, confusion, crit, b64, unprotected headers: refused")

    for body in (b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 5000, b'{"protected":' + b'{"a":' * 100 + b"1" + b"}" * 101,
                 b'{"protected":"e30","payload":"","signature":""}', b'{"protected":"%","payload":"","signature":""}',
                 b'{"protected":"e30","protected":"e30","payload":"","signature":""}'):
        answer = client.send(url, body)
        assert answer.status == 400 and answer.problem, (body[:60], answer)
    assert client.send(url, b"x" * 100000).status == 413
    for payload_text in ("[]", "1", '"x"', "{", '{"identifiers":1}', '{"identifiers":[]}', '{"identifiers":[1]}',
                         '{"identifiers":[{"type":"dns"}]}', '{"identifiers":[{"type":1,"value":2}]}',
                         '{"identifiers":[{"type":"dns","value":"a_b.example.test"}]}',
                         '{"identifiers":[{"type":"dns","value":"a..b"}]}',
                         '{"identifiers":[{"type":"dns","value":"*.*.example.test"}]}',
                         '{"identifiers":[{"type":"dns","value":"\\u0000.example.test"}]}',
                         '{"identifiers":[{"type":"ip","value":"::ffff:1.2.3.4"}]}',
                         '{"identifiers":[{"type":"dns","value":"a.example.test"}],"notAfter":"yesterday"}',
                         '{"identifiers":[{"type":"dns","value":"a.example.test"}],"notAfter":"2000-01-01T00:00:00Z"}',
                         json.dumps({"identifiers": [{"type": "dns", "value": f"n{i}.example.test"}
                                                     for i in range(101)]})):
        answer = client.post(url, payload_text)
        assert 400 <= answer.status < 500 and answer.problem == "malformed", (payload_text[:80], answer)
    answer = client.post(url, {"identifiers": [{"type": "email", "value": "a@b.test"}]})
    expect("mail", answer.problem, "unsupportedIdentifier")
    shown("broken, oversized and nested JSON, identifiers that are none: a problem each, nothing breaks")

    targets(client, closed)


def bent_key(client, url, payload):
    return client.post(url, payload, key=new_key()).problem


def failed(client, name, prepare):
    order = client.order([name]).json
    authz_url = order["authorizations"][0]
    one = challenge(client, client.post(authz_url).json, "http-01")
    prepare(one["token"])
    client.post(one["url"], {})
    authz = wait(client, authz_url, ("invalid", "valid"), 60).json
    expect(name, authz["status"], "invalid")
    return challenge(client, authz, "http-01")["error"]


def targets(client, closed):
    def redirect(to):
        def answer(handler):
            handler.send_response(302)
            handler.send_header("Location", to)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        return answer

    def special(answer):
        def prepare(token):
            Responses.special[token] = answer
        return prepare

    def slow(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(600):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    def huge(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(10000):
            handler.wfile.write(b"x" * 10000)

    def loop(handler):
        handler.send_response(302)
        handler.send_header("Location", handler.path)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
    before = len(Responses.seen)
    error = failed(client, "r1.example.test", special(redirect("http://127.0.0.2:%s/secret" % closed)))
    expect("another port", error["type"].rsplit(":", 1)[1], "connection")
    assert "port" in error["detail"], error
    for target in ("http://[::1]/", "http://inside.example.test/", "http://169.254.169.254/latest/", "file:///etc/passwd",
                   "gopher://127.0.0.1/"):
        error = failed(client, "r2.example.test", special(redirect(target)))
        assert error["type"].endswith(("connection", "dns")), (target, error)
    assert not [one for one in Responses.seen[before:] if one[1] in ("/secret", "/latest/")], "it was reached"
    error = failed(client, "inside.example.test", special(slow))
    assert "may not be reached" in error["detail"], error
    shown("redirects to other ports, internal addresses and schemes, and names that point inside: not reached")
    began = time.monotonic()
    error = failed(client, "slow.example.test", special(slow))
    assert time.monotonic() - began < 20, "a slow target held the validator"
    assert error["type"].endswith("connection"), error
    error = failed(client, "huge.example.test", special(huge))
    assert "too large" in error["detail"], error
    error = failed(client, "loop.example.test", special(loop))
    assert "redirects" in error["detail"], error
    error = failed(client, "wrong.example.test", lambda token: Responses.answers.update({token: "wrong\x1b[31m"}))
    assert error["type"].endswith("incorrectResponse") and '"wrong.[31m"' in error["detail"], error
    shown("slow, endless, looping and wrong targets: ended in time, and told with what was seen")


def alternate(directory, kid, secret, port, *nodes):
    serve(int(port))
    client = Client(directory, CA, nodes=[(host, int(number)) for host, number in
                                          (node.rsplit(":", 1) for node in nodes)])
    client.register(kid, secret)
    for i in range(5):
        names = [f"n{i}.example.test"]
        finish(client, client.order(names), names)
    message = jws(client.key, client.alg, client.protected(client.kid), None)
    expect("on one node", client.send(client.kid, message).status, 200)
    expect("replayed on the other", client.send(client.kid, message).problem, "badNonce")
    shown("two gateways on one database alternate with every request: five orders; a nonce counts once on both")
    stays(client)


def stays(client):
    """A client that stays at a node has nonces of that node alone."""
    here, there = (Client(f"{client.base.scheme}://{client.base.netloc}{client.base.path}", CA, key=client.key, nodes=[one])
                   for one in client.nodes)
    here.kid = there.kid = client.kid

    def staying():
        for _ in range(10):
            expect("staying", here.post(here.kid).status, 200)

    def read():
        return jws(here.key, here.alg, here.protected(here.kid), None)
    staying()
    message = read()
    expect("read", here.send(here.kid, message).status, 200)
    expect("replayed", here.send(here.kid, message).problem, "badNonce")
    expect("replayed on the other", there.send(here.kid, message).problem, "badNonce")
    for payload in ({"identifiers": [{"type": "dns", "value": "stays.example.test"}]}, {"identifiers": []}):
        url = here.directory["newOrder"]
        message = jws(here.key, here.alg, here.protected(url), payload)
        first = here.send(url, message)
        assert first.status == 201 or first.problem == "malformed", first
        expect("written and replayed", here.send(url, message).problem, "badNonce")
        expect("written and replayed on the other", there.send(url, message).problem, "badNonce")
    staying()
    message = read()
    there.nonces.clear()
    expect("first used on the other", there.send(here.kid, message).problem, "badNonce")
    expect("with the nonce that came with it", there.post(here.kid).status, 200)
    staying()
    bent = base64.urlsafe_b64decode(here.nonce() + "==")
    for at in (0, 8, 16, 17, 23, 24, 39):
        expect(f"octet {at}", here.post(here.kid, nonce=b64(bent[:at] + bytes([bent[at] ^ 1]) + bent[at + 1:])).problem,
               "badNonce")
    shown("a client that stays at one node: its nonces count once there, and not on the other, which gives it new ones")
    remembers(here, there)
    staying()
    expect("deactivated on the other", there.post(there.kid, {"status": "deactivated"}).json["status"], "deactivated")
    answer = here.post(here.kid)
    expect("at once", (answer.status, answer.problem), (401, "unauthorized"))
    shown("an account deactivated on one node can read nothing more on the other at once")


def remembers(here, there):
    """A node keeps the order it has just made, and the authorization that it used: what another node changes counts."""
    names = ["known.pre.example.test"]

    def order():
        answer = here.order(names)
        expect("approved", (answer.status, answer.json["status"]), (201, "ready"))
        return answer.headers["Location"], answer.json

    def finalize(client, url, csr=make_csr(names)):
        return client.post(url, {"csr": b64(csr)})
    _, made = order()
    for _ in range(3):
        _, again = order()
        expect("used again", again["authorizations"], made["authorizations"])
    expect("deactivated there", there.post(made["authorizations"][0], {"status": "deactivated"}).status, 200)
    url, other = order()
    assert other["authorizations"] != made["authorizations"], other
    expect("with the new one", finalize(here, other["finalize"]).json["status"], "valid")
    url, made = order()
    expect("the other, there", there.post(made["authorizations"][0], {"status": "deactivated"}).status, 200)
    answer = finalize(here, made["finalize"])
    expect("not authorized any more", (answer.status, answer.problem), (403, "orderNotReady"))
    expect("its order", here.post(url).json["status"], "invalid")
    shown("an authorization deactivated on one node: no order on the other uses it, nor is one that has used it finalized")
    url, made = order()
    done = finalize(there, made["finalize"]).json
    expect("finalized there", done["status"], "valid")
    expect("asked again here", finalize(here, made["finalize"]).json["certificate"], done["certificate"])
    expect("for another key", finalize(here, made["finalize"], make_csr(names)).problem, "orderNotReady")
    url, made = order()
    expect("finalized there", finalize(there, made["finalize"]).json["status"], "valid")
    expect("another key at once", finalize(here, made["finalize"], make_csr(names)).problem, "orderNotReady")
    shown("an order made on one node and finalized on the other has one certificate, whichever is asked again")


if __name__ == "__main__":
    {name: globals()[name] for name in ("algorithms", "protocol", "addresses", "hostile", "alternate")}[sys.argv[1]](
        *sys.argv[2:])
