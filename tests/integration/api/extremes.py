"""Serial numbers of every length and dates to the last one there is: imported, found, listed, answered, exported."""

import csv
import datetime
import io
import os
import subprocess
import tempfile
import time

from authorities import crl_of, ocsp_status, public, write
from claims import template_with
from client import OPENSSL, make_csr, openssl
from oddities import issue

LAST = "9999-12-31T23:59:59Z"  # no well-defined expiration (RFC 5280, 4.1.2.5)


def old_ca(directory, name, end):
    """A CA of openssl's, its key beside it."""
    pem = openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{directory}/{name}.key", "-subj", f"/CN={name}",
                  "-not_before", "20200101000000Z", "-not_after", end, "-addext", "keyUsage=critical,keyCertSign,cRLSign").decode()
    write(directory, f"{name}.pem", pem)
    with open(f"{directory}/{name}.key", encoding="ascii") as file:
        return {"name": name, "certificate": pem, "privateKey": file.read()}


def old_leaf(directory, ca, serial, end):
    csr = write(directory, "leaf.csr", make_csr(f"n{serial}.old.example"))
    return openssl("x509", "-req", "-in", csr, "-CA", f"{directory}/{ca}.pem", "-CAkey", f"{directory}/{ca}.key", "-set_serial",
                   f"0x{serial}", "-not_before", "20200101000000Z", "-not_after", end).decode()


def answers(directory, ca, slug, serials):
    """What OCSP says of serial numbers, by `openssl ocsp`, which verifies it; a few at a time."""
    if len(serials) > 8:
        return answers(directory, ca, slug, serials[:8]) + answers(directory, ca, slug, serials[8:])
    asked = [part for serial in serials for part in ("-serial", "0x" + serial)]
    path = f"{directory}/{ca}.pem"
    result = subprocess.run([OPENSSL, "ocsp", "-issuer", path, *asked, "-CAfile", path, "-no_nonce", "-url",
                             os.environ["GATEHOUSE_HTTP_URL"] + "/ocsp/" + slug], capture_output=True, check=False, text=True)
    assert "Response verify OK" in result.stderr, result.stderr + result.stdout
    return [line.split(": ")[1] for line in result.stdout.splitlines() if line.startswith("0x")]


def check_serials(admin, directory):
    """1 to 20 octets, with and without a first bit that is set, and zero, which is not to be issued and has been."""
    serials = ["00", "7f", "80"] + ["41" + "c3" * n for n in range(1, 20)] + ["8f" + "c3" * n for n in range(1, 19)]
    lines = [f"{'R' if i % 2 else 'V'}\t20990101000000Z\t{'260101000000Z,superseded' if i % 2 else ''}\t{serial.upper()}\tunknown\t/CN={serial}"
             for i, serial in enumerate(serials)]
    whole = old_leaf(directory, "Lengths", "ff" + "00" * 18, "20500101000000Z")
    ca = admin.post("/cas/import", {**old_ca_made(directory, "Lengths"), "history": {"index": "\r\n".join(lines), "certificates": whole}},
                    201)["id"]
    listed = {c["serial"]: c for c in admin.all_items(f"/certificates?ca={ca}", 100)}
    stored = {("00" if int(serial[:2], 16) >= 0x80 else "") + serial for serial in serials} | {"00ff" + "00" * 18}
    assert set(listed) == stored and listed["00ff" + "00" * 18]["commonName"].startswith("nff"), set(listed) ^ stored
    revoked = {serial for i, serial in enumerate(serials) if i % 2}
    text = crl_of(admin, ca)
    shown = {int(line.split(":")[1], 16) for line in text.splitlines() if "Serial Number:" in line}
    assert shown == {int(serial, 16) for serial in revoked}, text
    assert answers(directory, "Lengths", ca, serials) == ["revoked" if serial in revoked else "good" for serial in serials]
    assert answers(directory, "Lengths", ca, ["42", "8f" + "00" * 18]) == ["unknown", "unknown"]
    for serial, form in (("00", "0"), ("7f", "7F"), ("80", "0080"), ("80", "80"), ("41c3", "00:00:41:c3"), ("41c3", "41C3"),
                         ("8f" + "c3" * 18, "8F" + "C3" * 18)):
        for query in (f"serial={form}", f"q={form}") if len(form) >= 4 and ":" not in form else (f"serial={form}",):
            found = [c["commonName"] for c in admin.get(f"/certificates?ca={ca}&{query}")["items"]]
            assert serial in found and (query[0] == "q" or found == [serial]), (query, found)
    admin.get("/certificates?serial=" + "41" * 21, 400, problem="bad-query")
    admin.get("/certificates?serial=" + "ff" * 20, 400, problem="bad-query")
    for line, words in (("V\t20990101000000Z\t\t" + "41" * 21 + "\tunknown\t/CN=x", "1 to 20 octets"),
                        ("V\t20990101000000Z\t260101000000Z\t41\tunknown\t/CN=x", "the state is not R")):
        refused = admin.post(f"/cas/{ca}/history", {"index": lines[0] + "\n" + line}, 400, problem="malformed-index")
        assert "line 2" in refused["detail"] and words in refused["detail"], refused.value
    long = old_leaf(directory, "Lengths", "ff" * 20, "20500101000000Z")
    refused = admin.post(f"/cas/{ca}/history", {"certificates": long}, 400, problem="malformed-certificate")
    assert "20 octets" in refused["detail"], refused.value
    return ca


def check_future_revocation(admin, ca):
    """What was to be revoked later is revoked from now on: a list of today has no day to come in it."""
    line = "R\t20990101000000Z\t20980101000000Z,keyCompromise\t0F00\tunknown\t/CN=later"
    assert admin.post(f"/cas/{ca}/history", {"index": line})["revoked"] == 1
    one = admin.get(f"/certificates?ca={ca}&serial=f00")["items"][0]
    assert one["state"] == "revoked" and one["revocation"]["revokedAt"] < "2098", one
    assert "2098" not in crl_of(admin, ca)


def old_ca_made(directory, name):
    with open(f"{directory}/{name}.pem", encoding="ascii") as pem, open(f"{directory}/{name}.key", encoding="ascii") as key:
        return {"name": name, "certificate": pem.read(), "privateKey": key.read()}


def check_dates(admin, directory):
    """A CA and certificates without an end: imported, listed, filtered, exported, answered, and made here."""
    order = old_ca(directory, "Endless", "99991231235959Z")
    ends = {"41": "20491231235959Z", "42": "20500101000000Z", "43": "99991231235959Z", "44": "19991231235959Z"}
    pems = {serial: old_leaf(directory, "Endless", serial, end) if serial != "44" else None for serial, end in ends.items()}
    history = {"certificates": "".join(pem for pem in pems.values() if pem),
               "index": "V\t991231235959Z\t\t44\tunknown\t/CN=past\nR\t99991231235959Z\t260101000000Z,superseded\t45\tunknown\t/CN=gone\n"}
    ca = admin.post("/cas/import", {**order, "history": history}, 201)
    assert ca["notAfter"] == LAST and ca["state"] == "active" and {w["type"] for w in ca["warnings"]} == {"key-2030", "key-2035"}, ca.value
    path = f"/certificates?ca={ca['id']}"
    shown = {c["serial"]: (c["notAfter"], c["state"]) for c in admin.get(path)["items"]}
    assert shown == {"41": ("2049-12-31T23:59:59Z", "valid"), "42": ("2050-01-01T00:00:00Z", "valid"), "43": (LAST, "valid"),
                     "44": ("1999-12-31T23:59:59Z", "expired"), "45": (LAST, "revoked")}, shown

    def serials(query):
        return [c["serial"] for c in admin.get(f"{path}&{query}")["items"]]

    assert set(serials("expiresBefore=2050-01-01T00:00:01Z")) == {"41", "42", "44"}
    assert set(serials("expiresAfter=2050-01-01T00:00:00Z&state=valid")) == {"42", "43"}
    assert set(serials(f"expiresBefore={LAST}&state=valid")) == {"41", "42"} and set(serials("expiresWithin=36525")) == {"41", "42"}
    assert serials("sort=notAfter&state=valid") == ["41", "42", "43"] and serials("sort=-notAfter&state=valid") == ["43", "42", "41"]
    rows = csv.DictReader(io.StringIO(admin.get(f"/certificates/export?format=csv&ca={ca['id']}").body.decode()))
    assert {(row["serial"], row["notAfter"]) for row in rows} == {(serial, end) for serial, (end, _) in shown.items()}
    assert answers(directory, "Endless", ca["id"], ["42", "43", "45"]) == ["good", "good", "revoked"]
    assert "45" in crl_of(admin, ca["id"]) and "Serial Number: 44" not in crl_of(admin, ca["id"])
    assert admin.get("/cas?limit=500")["items"], "the overview has it"
    return ca


def check_made_here(admin, directory):
    """Our own: a root and a device's certificate that do not end, under a template that says so."""
    root = admin.post("/cas", {"name": "Unending", "key": "P-256", "notAfter": LAST}, 201)
    text = openssl("x509", "-noout", "-enddate", data=root["certificate"]["pem"].encode()).decode()
    assert "Dec 31 23:59:59 9999 GMT" in text and root["notAfter"] == LAST
    admin.post("/cas", {"name": "Nearly", "key": "P-256", "notAfter": "9999-12-31T23:59:58Z"}, 422, problem="validity")
    below = admin.post("/cas", {"name": "Unending Below", "key": "P-256", "issuer": root["id"], "notAfter": LAST}, 201)
    assert below["notAfter"] == LAST
    device = template_with(admin, {"issuing": below["id"]}, "Born With", approval="none", validity={"days": 30, "maxDays": 60, "endless": True})
    leaf = issue(admin, device, make_csr("device.example").decode())["certificate"]
    assert leaf["notAfter"] == LAST, leaf.items()
    assert issue(admin, device, make_csr("device.example").decode(), notAfter=LAST)["certificate"]["notAfter"] == LAST
    for ask in ({"validityDays": 61}, {"notAfter": "9999-12-31T23:59:58Z"}):
        issue(admin, device, make_csr("device.example").decode(), 422, **ask)
    chain = [root["certificate"]["pem"], below["certificate"]["pem"]]
    assert ocsp_status(directory, below["certificate"]["pem"] + root["certificate"]["pem"], leaf["pem"],
                       os.environ["GATEHOUSE_HTTP_URL"] + f"/ocsp/{below['id']}") == "good", chain
    openssl("crl", "-inform", "DER", "-noout", "-CAfile", write(directory, "below.pem", below["certificate"]["pem"]),
            data=public(f"/crl/{below['id']}.crl"))


def make_ending(admin):
    """A CA that ends in seconds, one in twenty days."""
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    over = admin.post("/cas", {"name": "Nearly Over", "key": "P-256", "notAfter": soon}, 201)["id"]
    return over, admin.post("/cas", {"name": "Over Soon", "key": "P-256", "validityDays": 20}, 201)["id"]


def wait_for(what, seconds=120):
    end = time.monotonic() + seconds
    while not (seen := what()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.2)
    return seen


def check_ending(admin, over, soon):
    """The end of a CA is told before and when it comes, once; then it is expired, and signs nothing."""
    wait_for(lambda: admin.get(f"/cas/{over}")["state"] == "expired")
    template = admin.get(f"/cas/{over}/templates")["items"][0]["id"]
    issue(admin, template, make_csr("late.example").decode(), 422, issue=True)
    assert {w["type"] for w in admin.get(f"/cas/{soon}")["warnings"]} == {"expires-soon"}, admin.get(f"/cas/{soon}")["warnings"]
    for code, ca, days in (("ca.expired", over, 0), ("ca.expires-soon", soon, 30)):
        told = wait_for(lambda code=code, ca=ca: admin.get(f"/events?code={code}&object={ca}")["items"])
        assert len(told) == 1 and told[0]["details"]["daysLeft"] == days, told


def run(_gateway, admin, _made):
    ending = make_ending(admin)
    with tempfile.TemporaryDirectory(prefix="gatehouse-extremes.") as directory:
        old_ca(directory, "Lengths", "20990101000000Z")
        check_future_revocation(admin, check_serials(admin, directory))
        check_dates(admin, directory)
        check_made_here(admin, directory)
    check_ending(admin, *ending)
    print("extremes: serial numbers of 1 to 20 octets, dates from 1999 to 9999")
