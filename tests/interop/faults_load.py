"""Bounded load for faults.sh: faults_load.py DIRECTORY. Issues and revokes over REST, orders by ACME (http-01), asks
OCSP and takes timestamps until DIRECTORY/stop is there. What a client was told is written down after it was told, one
line each: issued (id, serial), revoked (id, serial), tokens (serial). An answer that contradicts one of before, or is no
answer that a client could expect during a fault, goes to `wrong`. Settings come from DIRECTORY/load.json."""

import http.client
import json
import os
import random
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

import acme_client
from acme_scenarios import Responses, Server

os.chdir(sys.argv[1])
settings = json.load(open("load.json"))
rest = urllib.parse.urlsplit(settings["url"])
plain = urllib.parse.urlsplit(settings["http"])
context = ssl.create_default_context(cafile=settings["tls"])
issuer = x509.load_pem_x509_certificate(open("ca.pem", "rb").read())
lock = threading.Lock()
counts = {"refused": 0, "broken": 0, "ocsp": 0, "acme": 0, "tsa": 0}
known = []  # [id, serial number, certificate or None, revoked since (monotonic) or None]
EXPECTED = {429, 503}


def write(name, *words):
    with lock, open(name, "a") as out:
        out.write(" ".join(words) + "\n")


def wrong(text):
    write("wrong", time.strftime("%H:%M:%S"), text.replace("\n", " ")[:500])


def count(name):
    with lock:
        counts[name] += 1


class Caller:
    """One connection that is opened again after every trouble."""

    def __init__(self, base):
        self.base, self.connection = base, None

    def __call__(self, method, path, body=None, headers=None):
        try:
            if self.connection is None:
                kind = http.client.HTTPSConnection if self.base.scheme == "https" else http.client.HTTPConnection
                more = {"context": context} if self.base.scheme == "https" else {}
                self.connection = kind(self.base.hostname, self.base.port, timeout=40, **more)
            self.connection.request(method, path, body, headers or {})
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            count("broken")
            return 0, b""


def api(caller, method, path, body):
    status, answer = caller(method, "/api/v1/" + path, json.dumps(body), {
        "Authorization": "Bearer " + settings["token"], "Content-Type": "application/json"})
    if status in EXPECTED:
        count("refused")
    elif status and status // 100 != 2:
        wrong(f"{method} {path}: {status} {answer[:300]!r}")
    return json.loads(answer) if status // 100 == 2 else None


def running():
    return not os.path.exists("stop")


def remember(made):
    certificate = x509.load_pem_x509_certificate(made["pem"].encode())
    write("issued", made["id"], made["serial"])
    with lock:
        known.append([made["id"], certificate.serial_number, certificate, None])
        return known[-1]


def issue():
    caller, turn = Caller(rest), 0
    while running():
        turn += 1
        answer = api(caller, "POST", f"templates/{settings['template']}/requests", {"csr": settings["csr"], "issue": True})
        if answer is None:
            time.sleep(0.3)
            continue
        entry = remember(answer["certificate"])
        if turn % 3 == 0 and api(caller, "POST", f"certificates/{entry[0]}/revoke", {"reason": "superseded"}) is not None:
            write("revoked", entry[0], answer["certificate"]["serial"])
            entry[3] = time.monotonic()
        time.sleep(settings["pause"])


def ask():
    """Whoever was told that a certificate is there, or revoked, never hears the contrary again."""
    caller = Caller(plain)
    while running():
        time.sleep(settings["pause"])
        with lock:
            entry = random.choice(known) if known else None
        if entry is None:
            continue
        revoked = entry[3] is not None
        request = ocsp.OCSPRequestBuilder().add_certificate(entry[2], issuer, hashes.SHA256()).build()
        status, answer = caller("POST", "/ocsp/" + settings["ca"], request.public_bytes(serialization.Encoding.DER),
                                {"Content-Type": "application/ocsp-request"})
        if status != 200:
            if status and status not in EXPECTED:
                wrong(f"OCSP: {status} {answer[:200]!r}")
            continue
        said = ocsp.load_der_ocsp_response(answer)
        if said.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
            if said.response_status != ocsp.OCSPResponseStatus.TRY_LATER:
                wrong(f"OCSP: {said.response_status}")
            count("refused")
            continue
        count("ocsp")
        if said.certificate_status == ocsp.OCSPCertStatus.UNKNOWN or \
                (revoked and said.certificate_status != ocsp.OCSPCertStatus.REVOKED):
            wrong(f"OCSP of {entry[0]}: {said.certificate_status}, acknowledged as {'revoked' if revoked else 'issued'}")


def elements(data):
    """The DER elements in `data`: (tag, content)."""
    while data:
        length, start = data[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[2:start], "big")
        yield data[0], data[start:start + length]
        data = data[start + length:]


def inside(data, *path):
    """The content of the element at this place, by numbers on each level."""
    for number in path:
        data = list(elements(data))[number][1]
    return data


def keep_token(answer):
    """rfc3161#2.4.2: status, then ContentInfo, SignedData, eContent, TSTInfo with its serialNumber as the fourth."""
    status = int.from_bytes(inside(answer, 0, 0, 0), "big")
    if status == 0:
        count("tsa")
        write("tokens", inside(answer, 0, 1, 1, 0, 2, 1, 0, 0, 3).hex())
        with open("last.tsr", "wb") as out:
            out.write(answer)
    # After a step of the clock: until it was compared, or the certificate is of another time.
    elif b"No time to be trusted" in answer or b"certificate is not valid now" in answer:
        count("refused")
    else:
        wrong(f"TSA: {answer!r}")


def stamp():
    caller, query = Caller(plain), open("query.tsq", "rb").read()
    while running():
        time.sleep(settings["pause"] * 2)
        status, answer = caller("POST", "/tsa/" + settings["ca"], query, {"Content-Type": "application/timestamp-query"})
        if status == 200:
            keep_token(answer)
        elif status and status not in EXPECTED:
            wrong(f"TSA: {status} {answer[:200]!r}")


class Abandoned(Exception):
    pass


def acme_step(answer, wanted=(200, 201)):
    if answer.status in wanted:
        return answer
    if answer.status in EXPECTED:
        count("refused")
        raise Abandoned()
    if b"badNonce" not in answer.body:  # a client asks again then
        wrong(f"ACME: {answer}")
    raise Abandoned()


def acme_order(client, number):
    key = acme_client.new_key()
    name = f"a{number}.example.test"
    order = acme_step(client.order([name]))
    for authz in order.json["authorizations"]:
        one = [one for one in acme_step(client.post(authz)).json["challenges"] if one["type"] == "http-01"][0]
        Responses.answers[one["token"]] = client.key_authorization(one["token"])
        acme_step(client.post(one["url"], {}))
        deadline = time.monotonic() + 30
        while (state := acme_step(client.post(authz)).json["status"]) == "pending" and time.monotonic() < deadline:
            time.sleep(0.2)
        if state != "valid":  # DNS is gone, or took too long
            count("refused")
            raise Abandoned()
    csr = acme_client.b64(acme_client.make_csr([name], key))
    answer = acme_step(client.post(order.json["finalize"], {"csr": csr}))
    deadline = time.monotonic() + 30
    while answer.json["status"] == "processing" and time.monotonic() < deadline:
        time.sleep(0.2)
        answer = acme_step(client.post(order.headers["Location"]))
    if answer.json["status"] != "valid":
        raise Abandoned()
    chain = acme_step(client.post(answer.json["certificate"])).body
    certificate = x509.load_pem_x509_certificate(chain)
    write("issued", "-", f"{certificate.serial_number:032x}")
    count("acme")


def acme():
    number, client = 0, None
    while running():
        number += 1
        time.sleep(settings["pause"] * 4)
        try:
            if client is None:
                fresh = acme_client.Client(settings["url"] + "/acme/directory", settings["tls"])
                acme_step(fresh.register(settings["kid"], settings["hmac"]))
                client = fresh
            acme_order(client, number)
        except (Abandoned, OSError, http.client.HTTPException, json.JSONDecodeError):
            if client is not None:
                client.nonces.clear()
            time.sleep(0.5)


def main():
    socketserver.TCPServer.allow_reuse_address = True
    web = Server(("127.0.0.1", settings["webPort"]), Responses)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    work = [issue] * 3 + [ask, ask, stamp, acme]
    threads = [threading.Thread(target=one) for one in work]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    json.dump(counts, open("counts.json", "w"))


main()
