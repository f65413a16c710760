"""Sentences of RFC 8555 and RFC 9773 that no client asks for, each by its own request: see acme-protocol.sh.
acme_rules.py NAME ARGUMENT..."""

import json
import os
import sys
import time

from cryptography.hazmat.primitives import serialization

from acme_client import Client, b64, jwk_of, jws, make_csr, new_key
from acme_scenarios import CA, Responses, ari_of, challenge, expect, finish, prove, serve, shown, wait

PRE = "pre.example.test"  # names below it need no challenge


API = os.environ["GATEHOUSE_URL"] + "/api/v1"
ADMIN = {"Authorization": "Bearer " + os.environ["GATEHOUSE_TOKEN"], "Content-Type": "application/json"}


def links(answer, relation):
    found = [one for one in answer.headers.get_all("Link") or [] if f'rel="{relation}"' in one]
    return [one[one.index("<") + 1:one.index(">")] for one in found]


def refused(what, answer, status, problem):
    expect(what, (answer.status, answer.problem, answer.json["status"]), (status, problem, status))
    assert answer.json["detail"] and "identifier" not in answer.json, answer
    return answer


def account(directory, kid, secret, key=None):
    client = Client(directory, CA, key=key)
    expect("account", client.register(kid, secret).status, 201)
    return client


def messages(directory, kid, secret):
    client = account(directory, kid, secret)
    answer = client.plain("GET", directory)
    expect("directory", (answer.status, links(answer, "index")), (200, []))
    signed = client.post(directory)
    expect("directory by POST-as-GET", (signed.status, signed.json), (200, answer.json))
    assert "Replay-Nonce" in signed.headers
    expect("index", links(client.plain("HEAD", client.directory["newNonce"]), "index"), [directory])
    nonces = set()
    for method in ("GET", "HEAD", "GET"):
        answer = client.plain(method, client.directory["newNonce"])
        expect("nonce", (answer.status, answer.body, answer.headers["Cache-Control"]),
               (204 if method == "GET" else 200, b"", "no-store"))
        nonces.add(answer.headers["Replay-Nonce"])
    expect("nonces", len(nonces), 3)
    expect("nonce by POST-as-GET", client.post(client.directory["newNonce"]).status, 204)
    shown("directory and nonces: GET, HEAD and POST-as-GET (rfc8555#6.3, #7.2), index links (#7.1)")

    order = client.order(["m." + PRE])
    for url in (client.kid, client.directory["newOrder"], order.headers["Location"], order.json["finalize"],
                order.json["authorizations"][0], client.directory["revokeCert"], client.directory["keyChange"]):
        for method in ("GET", "PUT", "DELETE"):
            answer = refused(f"{method} {url}", client.plain(method, url), 405, "malformed")
            expect("Allow", answer.headers["Allow"], "POST")
    message = jws(client.key, client.alg, client.protected(client.kid), None)
    for media in ("application/json", "application/jose", "text/plain"):
        answer = refused(media, client.send(client.kid, message, media), 415, "malformed")
        assert "Replay-Nonce" in answer.headers and links(answer, "index") == [directory]
    expect("media type with a parameter", client.send(
        client.kid, message, "application/jose+json; charset=utf-8").status, 200)
    refused("nonce that is no base64url", client.post(client.kid, nonce="a b+="), 400, "malformed")
    answer = refused("nonce of nobody", client.post(client.kid, nonce="AAAA"), 400, "badNonce")
    client.nonces = [answer.headers["Replay-Nonce"]]
    expect("the nonce that came with badNonce", client.post(client.kid).status, 200)
    refused("detached payload", client.send(client.kid, {k: v for k, v in message.items() if k != "payload"}),
            400, "malformed")
    shown("other methods are 405, other media types 415, a nonce that is none malformed; badNonce brings a good one")


def accounts(directory, kid, secret):
    client = account(directory, kid, secret)
    answer = client.post(client.kid, {"status": "revoked", "orders": "https://elsewhere.example/", "colour": "red"})
    expect("ignored fields", (answer.status, answer.json["status"], answer.json["orders"], "colour" in answer.json),
           (200, "valid", client.kid + "/orders", False))
    expect("contacts go", client.post(client.kid, {"contact": []}).json.get("contact"), [])
    answer = client.post(client.kid, {"contact": ["tel:+1"]})
    assert "mailto" in refused("contact", answer, 400, "unsupportedContact").json["detail"]
    for bad in ("mailto:a@example.org?subject=x", "mailto:", "mailto:a@example.org,b@example.org"):
        refused(bad, client.post(client.kid, {"contact": [bad]}), 400, "invalidContact")
    other = account(directory, kid, secret)
    refused("another's account", client.post(other.kid), 403, "unauthorized")
    shown("account updates: what cannot be changed is ignored and not reflected, contacts are judged (rfc8555#7.3)")

    fresh = Client(directory, CA)
    url = fresh.directory["newAccount"]

    def bound(**changes):
        return fresh.post(url, {"externalAccountBinding": fresh.binding(kid, secret, **changes)})
    refused("nonce inside", bound(nonce=fresh.nonce()), 400, "malformed")
    refused("another url", bound(url=url + "/x"), 400, "malformed")
    refused("unknown kid", fresh.post(url, {"externalAccountBinding": fresh.binding("nobody", secret)}), 403,
            "unauthorized")
    wrong = fresh.binding(kid, secret)
    wrong["signature"] = b64(b"0" * 32)
    refused("wrong MAC", fresh.post(url, {"externalAccountBinding": wrong}), 403, "unauthorized")
    wrong = fresh.binding(kid, secret)
    signed = jws(new_key(), "ES256", {"alg": "ES256", "kid": kid, "url": url}, jwk_of(fresh.key))
    refused("a signature, no MAC", fresh.post(url, {"externalAccountBinding": signed}), 400, "malformed")
    refused("another key", other_key(fresh, kid, secret), 400, "malformed")
    for broken in ({}, {"protected": "e30", "payload": "", "signature": ""}, {"protected": 1}):
        refused("no JWS", fresh.post(url, {"externalAccountBinding": broken}), 400, "malformed")
    for alg in ("HS384", "HS512"):
        fresh = Client(directory, CA)
        expect(alg, bound(alg=alg).status, 201)
    shown("external account bindings: each of the five checks of rfc8555#7.3.4 refuses; HS256, HS384 and HS512")
    roll_over(client, other)
    expect("deactivated", client.post(client.kid, {"status": "deactivated"}).json["status"], "deactivated")
    refused("afterwards", client.post(client.kid), 401, "unauthorized")
    refused("an order", client.order(["d." + PRE]), 401, "unauthorized")
    client.kid = None
    refused("its key again", client.register(kid, secret), 401, "unauthorized")
    shown("a deactivated account is 401 (rfc8555#7.3.6), its key makes no new one")


def other_key(fresh, kid, secret):
    stranger = Client(fresh.directory["newAccount"].replace("/_/new-account", "/directory"), CA)
    return fresh.post(fresh.directory["newAccount"], {"externalAccountBinding": stranger.binding(kid, secret)})


def roll_over(client, other):
    url, fresh = client.directory["keyChange"], new_key()
    good = {"alg": "ES256", "jwk": jwk_of(fresh), "url": url}
    body = {"account": client.kid, "oldKey": jwk_of(client.key)}
    for what, head, payload in (
            ("nonce inside", {**good, "nonce": client.nonce()}, body), ("another url", {**good, "url": url + "x"}, body),
            ("kid inside", {"alg": "ES256", "kid": client.kid, "url": url}, body),
            ("another account", good, {**body, "account": other.kid}), ("no account", good, {"oldKey": body["oldKey"]}),
            ("another old key", good, {**body, "oldKey": jwk_of(other.key)}), ("no old key", good, {"account": client.kid})):
        answer = client.post(url, jws(fresh, "ES256", head, payload))
        expect(what, (answer.status, answer.problem in ("malformed", "badPublicKey")), (400, True))
    refused("signed by another", client.post(url, jws(new_key(), "ES256", good, body)), 400, "malformed")
    head = {**good, "jwk": jwk_of(other.key)}
    answer = refused("taken", client.post(url, jws(other.key, "ES256", head, body)), 409, "malformed")
    expect("whose it is", answer.headers["Location"], other.kid)
    order = client.order(["pending.example.test"])
    expect("changed", client.post(url, jws(fresh, "ES256", good, body)).status, 200)
    client.key = fresh
    expect("orders stay", client.post(order.headers["Location"]).json["status"], "pending")
    shown("key change: each check of rfc8555#7.3.5 refuses, 409 names the other account, orders stay")


def orders(directory, kid, secret, port):
    serve(int(port))
    client = account(directory, kid, secret)
    stranger = account(directory, kid, secret)
    order = client.order(["w.example.test", "*.w.example.test", "w." + PRE])
    expect("order", (order.status, order.json["status"], len(order.json["authorizations"])), (201, "pending", 3))
    seen = {}
    for url in order.json["authorizations"]:
        authz = client.post(url).json
        seen[authz["identifier"]["value"], authz.get("wildcard")] = {one["type"] for one in authz["challenges"]}
        refused("another's", stranger.post(url), 403, "unauthorized")
    expect("authorizations", seen, {("w.example.test", None): {"http-01", "dns-01", "tls-alpn-01"},
                                    ("w.example.test", True): {"dns-01"}, ("w." + PRE, None): set()})
    for url in (order.headers["Location"], order.json["finalize"]):
        refused("another's order", stranger.post(url, {"csr": ""} if url == order.json["finalize"] else None), 403,
                "unauthorized")
    missing = order.headers["Location"][:-4]
    refused("no such order", client.post(missing + "0000" if not order.headers["Location"].endswith("0000") else
                                         missing + "1111"), 404, "malformed")
    shown("wildcards: no asterisk in the authorization, dns-01 alone (rfc8555#7.1.4); what is another's is not told")

    gone = order.json["authorizations"][0]
    expect("deactivated", client.post(gone, {"status": "deactivated"}).json["status"], "deactivated")
    expect("its order", client.post(order.headers["Location"]).json["status"], "invalid")
    refused("finalizing it", client.post(order.json["finalize"], {"csr": b64(make_csr(["w.example.test"]))}), 403,
            "orderNotReady")
    ready = client.order(["r." + PRE])
    refused("a status that cannot be", client.post(ready.json["authorizations"][0], {"status": "valid"}), 400, "malformed")
    client.post(ready.json["authorizations"][0], {"status": "deactivated"})
    expect("a ready one, too", client.post(ready.headers["Location"]).json["status"], "invalid")
    shown("a deactivated authorization makes its orders invalid (rfc8555#7.1.6)")

    answer = refused("two refused", client.order(["good.example.test", "bad.example.org", "worse.example.org"]), 403,
                     "rejectedIdentifier")
    expect("named", [one["identifier"]["value"] for one in answer.json["subproblems"]],
           ["bad.example.org", "worse.example.org"])
    assert all(one["type"].endswith(":rejectedIdentifier") and one["detail"] for one in answer.json["subproblems"])
    refused("ahead", client.post(client.directory["newAuthz"], {"identifier": {"type": "dns", "value": "a.example.org"}}),
            403, "rejectedIdentifier")
    for name in ("xn--.example.test", "xn--99999999.example.test", "xn--a.example.test"):
        refused(name, client.order([name]), 400, "malformed")
    shown("subproblems name each refused identifier (rfc8555#6.7.1); labels that only look internationalized are refused")
    finalizing(client)
    paging(client)


def finalizing(client):
    order, key = client.order(["f." + PRE]), new_key()
    url = order.json["finalize"]
    for what, csr in (("another name", make_csr(["g." + PRE])), ("no CSR", b"\x30\x00"), ("PEM", b"-----BEGIN")):
        refused(what, client.post(url, {"csr": b64(csr)}), 400, "badCSR")
    refused("none", client.post(url, {}), 400, "badCSR")
    expect("still ready", client.post(order.headers["Location"]).json["status"], "ready")
    csr = {"csr": b64(make_csr(["f." + PRE], key))}
    first = client.post(url, csr)
    expect("finalized", (first.status, first.json["status"], first.headers["Location"]),
           (200, "valid", order.headers["Location"]))
    again = client.post(url, csr)
    expect("the same again", (again.status, again.json["certificate"]), (200, first.json["certificate"]))
    refused("another key", client.post(url, {"csr": b64(make_csr(["f." + PRE]))}), 403, "orderNotReady")
    chain = client.post(first.json["certificate"])
    expect("chain", (chain.headers["Content-Type"], chain.body[:27]),
           ("application/pem-certificate-chain", b"-----BEGIN CERTIFICATE-----"))
    refused("no such chain", client.post(first.json["certificate"] + "/7"), 404, "malformed")
    shown("finalize: a refused CSR leaves the order ready (rfc8555#7.4), a repetition is answered, another CSR is not")


def paging(client):
    wanted = {client.order([f"p{i}." + PRE]).headers["Location"] for i in range(105)}
    url, found, pages = client.kid + "/orders", [], 0
    while url:
        answer = client.post(url)
        expect("page", answer.status, 200)
        found += answer.json["orders"]
        url = (links(answer, "next") or [None])[0]
        pages += 1
    assert wanted <= set(found) and len(found) == len(set(found)) and pages > 1, (len(found), pages)
    shown(f"the list of orders goes on by next links (rfc8555#7.1.2.1): {len(found)} on {pages} pages")


def retries(directory, kid, secret, port):
    serve(int(port))
    client = account(directory, kid, secret)
    order = client.order(["retry.example.test"])
    url = order.json["authorizations"][0]
    one = challenge(client, client.post(url).json, "http-01")
    expect("reading starts nothing", client.post(one["url"]).json["status"], "pending")
    answer = client.post(one["url"], {"keyAuthorization": "ignored", "colour": "red"})
    expect("begun", (answer.json["status"], "colour" in answer.json), ("processing", False))
    deadline = time.monotonic() + 20
    while "error" not in answer.json and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = client.post(one["url"])
    expect("between two tries", (answer.json["status"], answer.json["error"]["status"]), ("processing", 403))
    assert 200 < int(answer.headers["Retry-After"]) <= 301, answer.headers
    Responses.answers[one["token"]] = client.key_authorization(one["token"])
    expect("again", client.post(one["url"], {}).json["status"], "processing")
    expect("at once", wait(client, url, ("valid", "invalid"), 20).json["status"], "valid")
    answer = client.post(one["url"], {})
    assert answer.json["status"] == "valid" and answer.json["validated"] and "error" not in answer.json, answer
    shown("a failed look is told with the time of the next (rfc8555#8.2); a client that asks again is looked at at once")


def renewal(directory, kid, secret, port):
    serve(int(port))
    client = account(directory, kid, secret)
    certificates, _, _ = finish(client, client.order(["a." + PRE, "b." + PRE]), ["a." + PRE, "b." + PRE])
    name = ari_of(certificates[0])
    refused("no name in common", client.order(["c." + PRE], replaces=name), 400, "malformed")
    stranger = account(directory, kid, secret)
    refused("another's", stranger.order(["a." + PRE], replaces=name), 400, "malformed")
    for bad, status in (("", 400), ("a.b.c", 400), (name + "=", 400), (name.split(".")[0], 400), ("AAAA.AAAA", 404)):
        refused(repr(bad), client.order(["a." + PRE], replaces=bad), status, "malformed")
    order = client.order(["a." + PRE, "fails.example.test"], replaces=name)
    expect("replacing", (order.status, order.json["replaces"]), (201, name))
    refused("meanwhile", client.order(["a." + PRE], replaces=name), 409, "alreadyReplaced")
    for url in order.json["authorizations"]:
        if client.post(url).json["status"] == "pending":
            client.post(url, {"status": "deactivated"})
    expect("failed", client.post(order.headers["Location"]).json["status"], "invalid")
    finish(client, client.order(["a." + PRE], replaces=name), ["a." + PRE])
    refused("replaced", client.order(["a." + PRE], replaces=name), 409, "alreadyReplaced")
    shown("replaces: own, with a name in common, once; an order that failed is not in the way (rfc9773#5)")

    der = certificates[0].public_bytes(serialization.Encoding.DER)
    revoke = client.directory["revokeCert"]
    refused("a stranger", stranger.post(revoke, {"certificate": b64(der)}), 403, "unauthorized")
    refused("a stranger's key", Client(directory, CA).post(revoke, {"certificate": b64(der)}), 403, "unauthorized")
    for name in ("a." + PRE, "b." + PRE):
        stranger.post(stranger.directory["newAuthz"], {"identifier": {"type": "dns", "value": name}})
    refused("no certificate", client.post(revoke, {"certificate": "AAAA"}), 400, "malformed")
    answer = client.post(revoke, {"certificate": b64(der), "reason": 8})
    assert "0, 1, 3" in refused("reason", answer, 400, "badRevocationReason").json["detail"]
    answer = stranger.post(revoke, {"certificate": b64(der)})
    expect("who is authorized for all names", (answer.status, answer.body), (200, b""))
    shown("revocation by an account that holds authorizations for all names (rfc8555#7.6)")


def settings(client, **changes):
    url = API + "/acme/settings"
    document = {**client.raw("GET", url, None, ADMIN).json, **changes}
    answer = client.raw("PUT", url, json.dumps(document), ADMIN)
    expect("settings", answer.status, 200)


def terms(directory, kid, secret):
    client = Client(directory, CA)
    first, second = "https://pki.example.test/terms/1", "https://pki.example.test/terms/2"
    settings(client, terms=first, website="https://pki.example.test/", caaIdentities=["ca.example.test"])
    meta = client.plain("GET", directory).json["meta"]
    expect("meta", (meta["termsOfService"], meta["website"], meta["caaIdentities"], meta["externalAccountRequired"]),
           (first, "https://pki.example.test/", ["ca.example.test"], True))
    answer = refused("without agreement", client.register(kid, secret, termsOfServiceAgreed=False), 403,
                     "userActionRequired")
    expect("where", (answer.json["instance"], links(answer, "terms-of-service")), (first, [first]))
    expect("agreed", client.register(kid, secret).status, 201)
    settings(client, terms=second)
    time.sleep(1.1)  # settings are remembered for a second
    for answer in (client.order(["t." + PRE]), client.post(client.directory["newAuthz"], {
            "identifier": {"type": "dns", "value": "t." + PRE}})):
        refused("changed terms", answer, 403, "userActionRequired")
        expect("where", (answer.json["instance"], links(answer, "terms-of-service")), (second, [second]))
    expect("an update", client.post(client.kid, {"termsOfServiceAgreed": True}).status, 200)
    refused("what an update says is ignored", client.order(["t." + PRE]), 403, "userActionRequired")
    answer = client.raw("POST", f"{API}/acme/accounts/{client.kid.rsplit('/', 1)[1]}/agree", None, ADMIN)
    expect("a person agrees", (answer.status, answer.json["terms"]), (200, second))
    expect("order", client.order(["t." + PRE]).status, 201)
    settings(client, terms="", website="", caaIdentities=[])
    shown("terms: told, needed, asked for again when they change, with link and instance (rfc8555#7.3.3); a person "
          "agrees to changed ones, not a client that sends back what it was shown (#7.3.2)")


def limits(directory, kid, secret):
    client = account(directory, kid, secret)
    for i in range(2):
        expect("order", client.order([f"l{i}.example.test"]).status, 201)
    answer = refused("a third", client.order(["l2.example.test"]), 429, "rateLimited")
    assert int(answer.headers["Retry-After"]) > 0 and "Replay-Nonce" in answer.headers
    refused("authorizations", client.post(client.directory["newAuthz"], {
        "identifier": {"type": "dns", "value": "l3.example.test"}}), 429, "rateLimited")
    shown("limits: 429, rateLimited, with the time to come again (rfc8555#6.6)")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
