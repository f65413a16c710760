"""Every reason of RFC 5280 and the invalidity date: the same in the record, the CRL, the delta CRL and OCSP."""

import os
import re
import urllib.request

from authorities import public, sign_one
from client import SCRATCH, openssl

# As OpenSSL writes them in a list and in an OCSP answer; unspecified is said by saying nothing (RFC 5280 5.3.1).
REASONS = {
    "unspecified": (None, None), "keyCompromise": ("Key Compromise", "keyCompromise"), "cACompromise": ("CA Compromise", "cACompromise"),
    "affiliationChanged": ("Affiliation Changed", "affiliationChanged"), "superseded": ("Superseded", "superseded"),
    "cessationOfOperation": ("Cessation Of Operation", "cessationOfOperation"), "certificateHold": ("Certificate Hold", "certificateHold"),
    "privilegeWithdrawn": ("Privilege Withdrawn", "privilegeWithdrawn"), "aACompromise": ("AA Compromise", "aACompromise"),
}
SINCE, SHOWN = "2026-02-28T23:59:59Z", "Feb 28 23:59:59 2026 GMT"


def entry_of(der, serial):
    """What a list says of a certificate, or None."""
    text = openssl("crl", "-inform", "DER", "-noout", "-text", data=der).decode().replace(":", "")
    parts = re.split(r"Serial Number *", text)
    found = [part for part in parts[1:] if int(part.split()[0], 16) == int(serial, 16)]
    assert len(found) <= 1, "a serial number is there twice"
    return found[0].split("Signature Algorithm")[0] if found else None


def answer_of(admin, issuer, leaf):
    """OCSP as `openssl ocsp` asks and prints it; and as it is decoded here."""
    paths = {name: os.path.join(SCRATCH.name, name) for name in ("ocsp-ca.pem", "ocsp-leaf.pem", "ocsp.req")}
    for name, text in (("ocsp-ca.pem", issuer), ("ocsp-leaf.pem", leaf["pem"])):
        with open(paths[name], "w", encoding="ascii") as file:
            file.write(text)
    openssl("ocsp", "-no_nonce", "-issuer", paths["ocsp-ca.pem"], "-cert", paths["ocsp-leaf.pem"], "-reqout", paths["ocsp.req"])
    with open(paths["ocsp.req"], "rb") as file:
        request = urllib.request.Request(os.environ["GATEHOUSE_HTTP_URL"] + f"/ocsp/{leaf['ca']}", file.read(),
                                         {"Content-Type": "application/ocsp-request"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        der = answer.read()
    seen = admin.call("POST", "/inspect", 200, body=der, headers={"Content-Type": "application/octet-stream"})
    with open(paths["ocsp.req"] + ".der", "wb") as file:
        file.write(der)
    text = openssl("ocsp", "-respin", paths["ocsp.req"] + ".der", "-noverify", "-resp_text").decode()
    return seen["items"][0]["details"]["answers"][0], text


def check_reason(admin, ca, issuer, reason, dated):
    leaf = sign_one(admin, ca, f"{reason}.revoked.example")
    body = {"reason": reason, **({"invalidityDate": SINCE} if dated else {})}
    shown = admin.post(f"/certificates/{leaf['id']}/revoke", body)["revocation"]
    assert shown["reason"] == reason and shown["invalidityDate"] == (SINCE if dated else None), shown
    in_list, in_answer = REASONS[reason]
    for name in (f"/crl/{ca}.crl", f"/crl/{ca}/delta.crl"):
        entry = entry_of(public(name), leaf["serial"])
        if name.endswith(f"/{ca}.crl"):
            assert entry is None, "with deltas the complete list is made by schedule"
            continue
        assert ("CRL Reason Code" in entry) == (in_list is not None) and (in_list or "") in entry, entry
        assert ("Invalidity Date" in entry) == dated and (not dated or SHOWN.replace(":", "") in entry), entry
    single, text = answer_of(admin, issuer, leaf)
    assert single["status"] == "revoked" and single["revokedAt"] == shown["revokedAt"], single
    assert single["reason"] == (in_answer or single["reason"]) and single.get("invalidityDate") == (SINCE if dated else None), single
    assert ("Revocation Reason" in text) == (in_answer is not None) and ("Invalidity Date" in text) == dated, text
    return leaf


def check_after_a_hold(admin, ca, issuer, held):
    """Released it is good everywhere, revoked after that as any other; what is revoked stays so."""
    released = admin.post(f"/certificates/{held['id']}/unhold")
    assert released["state"] == "valid" and released["revocation"] is None
    assert answer_of(admin, issuer, held)[0]["status"] == "good"
    assert "Remove From CRL" in entry_of(public(f"/crl/{ca}/delta.crl"), held["serial"]) or \
        entry_of(public(f"/crl/{ca}/delta.crl"), held["serial"]) is None
    admin.post(f"/certificates/{held['id']}/revoke", {"reason": "certificateHold"})
    done = admin.post(f"/certificates/{held['id']}/revoke", {"reason": "keyCompromise", "invalidityDate": "1999-12-31T00:00:00Z"})
    assert done["state"] == "revoked" and done["revocation"]["invalidityDate"] == "1999-12-31T00:00:00Z"
    admin.post(f"/certificates/{held['id']}/unhold", {}, 409, problem="not-held")
    admin.post(f"/certificates/{held['id']}/revoke", {"reason": "certificateHold"}, 409, problem="already-revoked")


def check_refused(admin, ca):
    leaf = sign_one(admin, ca, "refused.revoked.example")
    path = f"/certificates/{leaf['id']}/revoke"
    for body, status, problem in (({"reason": "removeFromCRL"}, 422, "revocation-reason"), ({"reason": "KeyCompromise"}, 422, None),
                                  ({"reason": 1}, 400, None), ({"reason": "superseded", "invalidityDate": "2999-01-01T00:00:00Z"}, 422, "invalidity-date"),
                                  ({"reason": "superseded", "invalidityDate": "2026-02-30T00:00:00Z"}, 400, "malformed-time"),
                                  ({"reason": "superseded", "when": "now"}, 400, "unknown-field")):
        answer = admin.post(path, body, status)
        assert problem is None or answer["type"] == "/problems/" + problem, answer.value
    assert admin.get(f"/certificates/{leaf['id']}")["state"] == "valid"
    # Dates from the edges of what the list can say: it is made all the same.
    early = admin.post(path, {"reason": "superseded", "invalidityDate": "0001-01-01T00:00:00+14:00"})
    assert early["state"] == "revoked"
    admin.post(f"/cas/{ca}/crl")
    assert "Invalidity Date" in entry_of(public(f"/crl/{ca}.crl"), leaf["serial"])


def check_responder_id(admin, ca, issuer, leaf):
    """Answers name their signer by its key or by its name, as is set."""
    for setting, named in (("name", True), ("key", False), ("name", True)):
        admin.patch(f"/cas/{ca}", {"settings": {"ocsp": {"responderId": setting}}})
        admin.patch(f"/cas/{ca}", {"settings": {"ocsp": {"validityHours": 5}}})
        _, text = answer_of(admin, issuer, leaf)
        line = re.search(r"Responder Id: (.*)", text)[1]
        assert ("CN" in line) == named, (setting, line)
    admin.patch(f"/cas/{ca}", {"settings": {"ocsp": {"responderId": "both"}}}, 422, problem="ca-settings")


def run(gateway, admin, made):
    ca = admin.post("/cas", {"name": "Reasons", "key": "P-256", "settings": {"crl": {"deltaHours": 24}}}, 201)
    issuer = ca["certificate"]["pem"]
    public(f"/crl/{ca['id']}.crl")
    leaves = {}
    for at, reason in enumerate(REASONS):
        leaves[reason] = check_reason(admin, ca["id"], issuer, reason, dated=at % 2 == 0)
    admin.post(f"/cas/{ca['id']}/crl")
    whole = public(f"/crl/{ca['id']}.crl")
    for at, (reason, leaf) in enumerate(leaves.items()):
        entry = entry_of(whole, leaf["serial"])
        assert (REASONS[reason][0] or "") in entry and ("Invalidity Date" in entry) == (at % 2 == 0), (reason, entry)
    entries = admin.call("POST", "/inspect", 200, body=whole, headers={"Content-Type": "application/octet-stream"})["items"][0]["details"]["entries"]
    assert {(e["reason"], e.get("invalidityDate")) for e in entries} == {(r, SINCE if i % 2 == 0 else None) for i, r in enumerate(REASONS)}
    check_after_a_hold(admin, ca["id"], issuer, leaves["certificateHold"])
    check_refused(admin, ca["id"])
    check_responder_id(admin, ca["id"], issuer, leaves["superseded"])
