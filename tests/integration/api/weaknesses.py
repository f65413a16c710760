"""Weaknesses that certificate authorities have been seen with, each turned into a claim that this one does not have it.
What takes more than a REST client is shown elsewhere: see SHOWN_ELSEWHERE, whose places are looked up."""

import datetime
import json
import os
import re
import tempfile

from authorities import crl_of, ocsp_status, public, sign_one, text_of, verify
from client import Client, log_in, make_csr, openssl

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")

# The claim: a test that shows it, and words of that test.
SHOWN_ELSEWHERE = {
    "a CA is not deleted without its name typed, and what is below it named":
        ("integration/api/scenario.py", 'problem="confirmation"'),
    "a working CA comes with its history, and nothing is un-revoked": ("integration/api/authorities.py", "def check_history"),
    "a CA is renewed and re-keyed, with old and new key side by side": ("integration/api/authorities.py", "def check_rekey"),
    "a root may stay offline": ("integration/api/authorities.py", "def check_offline_root"),
    "a CA signs with EdDSA, PSS, any fitting digest": ("integration/api/authorities.py", "def check_algorithms"),
    "name constraints and path length hold against a CA's own key": ("interop/path-rules.sh", "refused by all three"),
    "two different people approve": ("integration/api/scenario.py", "def sign_with_two"),
    "private keys of people leave encrypted, to their owner alone": ("integration/api/keys.py", "def check_owner_alone"),
    "kept keys come back to two people together alone": ("integration/api/keys.py", "def check_recovery_takes_two"),
    "keys of every type are made for those who cannot": ("integration/api/claims.py", "def check_made_keys"),
    "nobody enumerates requests or certificates": ("integration/api/strangers.py", "def check_nobody"),
    "one organisation sees nothing of another": ("integration/api/strangers.py", "def check_walk"),
    "every act of the console is a documented call": ("unit/api/test_routes.c", "find_operation"),
    "deltas, partitions, several servers of lists": ("interop/crl-kinds.sh", "freshestCRL"),
    "two gateways agree on a revocation within a second": ("interop/crl-kinds.sh", "two gateways on one database"),
    "lists go to LDAP by TLS, with an account": ("interop/crl-ldap.sh", "over LDAPS"),
    "a validation authority checks signature, number and end of its lists": ("interop/validation-authority.sh", "old lists"),
    "an ended list is tryLater, not good": ("interop/validation-authority.sh", "trylater"),
    "SHA-1 and SHA-256 CertIDs, nonce, GET, several clients": ("interop/status-clients.sh", "NSS"),
    "never issued is unknown, or revoked by a setting": ("interop/status-clients.sh", "extended-revoke"),
    "a client takes the next list by itself, atomically, checked": ("interop/mosquitto-revocation.sh", "refresh-crl.sh"),
    "a restore un-revokes nothing and repeats no number": ("interop/backup.sh", "CRL numbers go on"),
    "acknowledged certificates and revocations survive kill -9": ("interop/crash-durability.sh", "acknowledged revocations"),
    "templates bound names, keys and extensions": ("unit/template/test_policy.c", "static const"),
    "CAA is asked, with or without search domains": ("interop/templates-caa.sh", "shown"),
    "a challenge password is shown once and kept as a hash": ("integration/api/credentials.py", "def run"),
    "guessing is slowed, nobody is locked out": ("integration/api/scenario.py", "def check_guessing"),
    "a second factor that is no SMS": ("integration/api/factors.py", "def check_totp"),
    "certificates are found, exported and revoked many at once": ("integration/api/inventory.py", "def check_bulk"),
    "expired certificates and old requests go by rules": ("integration/api/retention.py", "def check_certificates"),
    "many certificates are changed in the background, with a result for each":
        ("integration/api/inventory.py", "def check_jobs"),
    "what could not be published elsewhere is told, and tried again":
        ("interop/crl-ldap.sh", "on readyz, an event and a metric"),
    "lists and OCSP signers are made ahead, and the last ones serve while the token is away":
        ("interop/tokens.sh", "CRL and OCSP go on"),
    "people are told of ends and waiting requests, by rules and reports":
        ("integration/api/notices.py", "def check_rules"),
    "every act has a command":
        ("interop/ctl.sh", "operations of the API are commands"),
    "keys made at the claim may be of any type":
        ("browser/public.mjs", "ML-DSA"),
    "ACME validates by TLS-ALPN-01 and tells when to renew":
        ("interop/acme-servers.sh", "renewal information"),
    "Intune without a stored secret, and told of the outcome":
        ("interop/scep-intune.sh", "with its certificate instead of a secret"),
    "open pages have limits of rate and work":
        ("integration/api/public_pages.py", "def check_puzzle"),
    "several nodes share managed keys, wrapped, none exported":
        ("interop/kek.sh", "wrapped anew"),
    "modules of several vendors side by side, one that hangs hurting no other":
        ("interop/tokens.sh", "a module that hangs is named by readyz"),
    "a key moves to another token without a new authority":
        ("interop/token-provisioning.sh", "a CA moves to another token"),
    "agents are packages with hardened units, and their tokens come back by themselves":
        ("interop/agent.sh", "works again by itself"),
    "a listener on IPv6":
        ("unit/http/test_server.c", "test_ipv6"),
    "certificates, levels and settings change without a restart":
        ("interop/configuration.sh", "without a restart"),
    "OpenID Connect by discovery, groups become roles":
        ("integration/api/openid.py", "def check_discovery"),
    "directories over TLS with a service account kept sealed":
        ("integration/api/identity.py", "def check_entering"),
    "the trail goes to any syslog, the journal and HTTP":
        ("interop/audit-streams.sh", "rsyslog gets events over TLS"),
    "a second node takes over, and the database may be a cluster":
        ("interop/galera.sh", "every acknowledged certificate is stored"),
    "EST enrols nobody who has not shown who it is": ("interop/est-curl.sh", "nobody get 401"),
    "backup and restore are commands":
        ("interop/backup.sh", "restore"),
    "the first password is random, for one use, and opens nothing before it is changed":
        ("integration/api/scenario.py", 'problem="password-change-needed"'),
    "a token is shown once; it may be bound to authorities, roles and a time":
        ("integration/api/access.py", "def check_tokens"),
    "ACME accounts are bound from outside, and may ask for the binding's names alone":
        ("interop/acme-bindings.sh", "a name outside the policy is refused with the reason"),
    "ACME follows redirects, a few, and none into the house": ("interop/acme_scenarios.py", "internal addresses and schemes"),
    "ACME on a private network: resolvers of one's own, wildcards": ("interop/acme-dns-01.sh", "a wildcard"),
    "SCEP by RFC 8894: renewal, pending, GetCRL, GetNextCACert": ("interop/scep-messages.sh", "GetNextCACert"),
    "a SCEP challenge is for one name and one use, and guessing at it is slowed":
        ("interop/scep-messages.sh", "a challenge bound to another name"),
    "EST has its addresses, its csrattrs and its refusals": ("interop/est-curl.sh", "csrattrs"),
    "CMP does every kind of message, under a secret for one peer and minima of a template":
        ("interop/cmp-openssl.sh", "raVerified from somebody who is no RA is refused"),
    "what is pasted to be inspected is kept nowhere, keys neither": ("integration/api/inspecting.py", "def check_nothing_kept"),
    "the time, reason and invalidity date of a revocation are in every list and answer":
        ("integration/api/revocations.py", "def check_reason"),
    "OCSP answers have more than one profile": ("integration/api/revocations.py", "def check_responder_id"),
    "lists come anew by themselves": ("browser/flows.mjs", "come anew by themselves"),
    "subjects and names are given with the request, whoever signs may change them":
        ("integration/api/decisions.py", "def check_overrides"),
    "requests that nobody decided go by a rule": ("integration/api/retention.py", "def check_requests"),
    "many requests are decided at once, each with its own result; every type of name, otherName too":
        ("integration/api/claims.py", "def check_bulk_and_every_name_type"),
    "a request may not carry what a template does not take": ("integration/api/templates.py", "def check_request_extensions"),
    "a version of a template says what it changed, before and after": ("integration/api/templates.py", '"before": "role"'),
    "every starter gives the certificate that its profile says": ("unit/template/test_profiles.c", "every_starter"),
    "a template's certificate is shown before anybody gets one": ("integration/api/templates.py", "def check_preview"),
    "fields of one's own are typed and keep their order":
        ("integration/api/inventory.py", '"fields"] == fields'),
    "open forms take work and have limits": ("integration/api/public_pages.py", "def check_limits"),
    "notices go by mail and by signed calls": ("integration/api/notices.py", "def start_hook"),
    "the trail is sealed: who changes or drops an event is found out": ("integration/api/audit.py", "def check_tampering"),
    "the gateway's own certificate renews itself": ("interop/own-tls.sh", "whenever a third of its life is left"),
    "settings, levels and the TLS certificate change while it runs":
        ("interop/configuration.sh", "changed while running"),
    "a PIN may be typed while it runs; it is in no file and no log": ("interop/tokens.sh", "the PIN is in no log"),
    "a YubiKey that is pulled out comes back by itself, and no last try is spent":
        ("interop/yubikey-piv.sh", "the last one is never spent"),
    "a key and its CSR on a token are one command": ("interop/token-provisioning.sh", "key and CSR in one step"),
    "timestamps stop when the clock is wrong, and go on by themselves": ("interop/tsa-clock.sh", "timeNotAvailable"),
    "timestamps are for whom they are for, and limited": ("interop/tsa-access.sh", "listed users alone"),
    "a timestamping certificate is replaced before its end, by itself": ("interop/tsa-access.sh", "another certificate signs"),
    "issued serial numbers of a foreign CA come signed": ("interop/validation-authority.sh", "signed lists of issued"),
    "an upgrade keeps what was issued, and the older release goes on meanwhile":
        ("interop/upgrade.sh", "the older release issues and revokes"),
    "installed by packages, run without a cluster": ("interop/package.sh", "an instance runs from the packages"),
    "metrics of what the gateway does, with rules and a dashboard": ("interop/metrics.sh", "dashboard's"),
    "an old CA's list of certificates is taken line by line, or refused by its line": ("unit/ca/test_history.c", "bad_lines"),
    "serial numbers of 1 to 20 octets, zero, and ends up to 9999": ("integration/api/extremes.py", "def check_serials"),
    "the end of a CA is told before and when it comes": ("integration/api/extremes.py", "def check_ending"),
    "lists have an overlap, a schedule, and numbers that no clock takes back": ("integration/core/test_lists.c", "lists_overlap"),
    "a revocation goes out at once, or waits for the next list by a setting": ("integration/core/test_lists.c", "revocations_may_wait"),
    "a replaced key answers until its last certificate has expired": ("integration/core/test_lists.c", "old_keys_end"),
    "what a CA never issued is good to no client": ("interop/status-clients.sh", "unknown to openssl, GnuTLS, NSS and Java"),
    "a revoked certificate logs nobody in": ("integration/api/access.py", "a revoked one logs nobody in"),
    "the diagnostic bundle has no secret": ("interop/configuration.sh", "diagnose"),
}


def deleting_one_authority_leaves_its_namesake(admin):
    one, two = (admin.post("/cas", {"name": "Same Name", "key": "P-256"}, 201)["id"] for _ in range(2))
    assert one != two
    admin.delete(f"/cas/{one}?confirm=Same%20Name")
    assert admin.get(f"/cas/{two}")["state"] == "active"
    again = admin.post("/cas", {"name": "Same Name", "key": "P-256"}, 201)["id"]
    assert again not in (one, two), "an id is never given again"
    admin.get(f"/cas/{one}", 404)


def an_authority_with_live_certificates_is_not_deleted(admin):
    root = admin.post("/cas", {"name": "Needed Root", "key": "P-256"}, 201)["id"]
    below = admin.post("/cas", {"name": "Needed", "key": "P-256", "issuer": root}, 201)["id"]
    leaf = sign_one(admin, below, "needed.example")
    for ca, name in ((root, "Needed%20Root"), (below, "Needed")):
        admin.delete(f"/cas/{ca}?confirm={name}", 409)
    assert admin.get(f"/certificates/{leaf['id']}")["state"] == "valid" and crl_of(admin, below)


def authorities_without_a_certificate_are_shown(admin):
    ca = admin.post("/cas", {"name": "Not Signed Yet", "key": "P-256", "csrOnly": True}, 201)
    listed = {one["id"]: one for one in admin.all_items("/cas", 500)}
    assert listed[ca["id"]]["state"] == "waiting" and listed[ca["id"]]["name"] == "Not Signed Yet"
    admin.delete(f"/cas/{ca['id']}?confirm=Not%20Signed%20Yet")


def nothing_issued_can_be_deleted(admin):
    for method, _, path, _ in admin.gateway.document.operations:
        assert method != "DELETE" or not re.match(r"/(certificates|requests|events)\b", path), path


def authorities_stand_below_each_other_in_any_number(admin):
    issuer, chain = None, 0
    for depth in range(4):
        order = {"name": f"Level {depth}", "key": "P-256", "pathLength": 3 - depth}
        ca = admin.post("/cas", {**order, **({"issuer": issuer} if issuer else {})}, 201)
        issuer, chain = ca["id"], chain + 1
        assert ca["certificate"]["pathLength"] == 3 - depth
    assert admin.get(f"/cas/{issuer}/certificate?format=chain").body.count(b"BEGIN CERTIFICATE") == chain == 4
    with tempfile.TemporaryDirectory() as directory:
        leaf = sign_one(admin, issuer, "deep.example")["pem"]
        middle = [admin.get(f"/cas/level-{n}")["certificate"]["pem"] for n in (3, 2, 1)]
        assert verify(directory, [admin.get("/cas/level-0")["certificate"]["pem"]], leaf, *middle)


def a_subordinate_points_to_its_issuer_and_ends_before_it(admin):
    root = admin.post("/cas", {"name": "Pointed Root", "key": "P-256", "validityDays": 700}, 201)
    below = admin.post("/cas", {"name": "Pointed", "key": "P-256", "issuer": root["id"]}, 201)
    text = text_of(below)
    for part in ("/crl/pointed-root.crl", "/ca/pointed-root.crt", "X509v3 Key Usage: critical", "X509v3 Basic Constraints: critical"):
        assert part in text, text
    assert "/crl/pointed.crl" not in text and below["notAfter"] <= root["notAfter"]
    assert "X509v3 CRL Distribution" not in text_of(root), "a root's certificate is not in its own list"
    admin.post("/cas", {"name": "Longer", "issuer": root["id"], "key": "P-256", "validityDays": 701}, 422, problem="validity")


def revocation_keeps_its_time_and_reason_in_every_list(admin, made):
    leaf = sign_one(admin, made["issuing"], "kept-reason.example")
    revoked = admin.post(f"/certificates/{leaf['id']}/revoke", {"reason": "affiliationChanged"})["revocation"]
    entries = []
    for _ in range(2):
        admin.post(f"/cas/{made['issuing']}/crl")
        text = crl_of(admin, made["issuing"]).replace(":", "")
        entry = text[text.upper().index(leaf["serial"].lstrip("0").upper()):][:300]
        entries.append(re.search(r"Revocation Date (.*)", entry)[1])
        assert "Affiliation Changed" in entry, entry
    assert entries[0] == entries[1]
    when = datetime.datetime.strptime(entries[0], "%b %d %H%M%S %Y GMT").replace(tzinfo=datetime.timezone.utc)
    assert when.strftime("%Y-%m-%dT%H:%M:%SZ") == revoked["revokedAt"], (when, revoked.items())


def archiving_a_revoked_certificate_does_not_unrevoke_it(admin, made):
    leaf = sign_one(admin, made["issuing"], "archived-revoked.example")
    admin.post(f"/certificates/{leaf['id']}/revoke", {"reason": "keyCompromise"})
    admin.patch(f"/certificates/{leaf['id']}", {"archived": True})
    admin.post(f"/cas/{made['issuing']}/crl")
    assert leaf["serial"].lstrip("0").upper() in crl_of(admin, made["issuing"]).upper().replace(":", "")
    assert admin.get(f"/certificates/{leaf['id']}")["state"] == "revoked"


def a_revocation_is_in_the_next_list_and_revoked_rows_are_shown(admin, made):
    leaf = sign_one(admin, made["issuing"], "at-once.example")
    before = admin.get(f"/cas/{made['issuing']}/crl")["number"]
    admin.post(f"/certificates/{leaf['id']}/revoke", {"reason": "superseded"})
    der = public(f"/crl/{made['issuing']}.crl")
    text = openssl("crl", "-inform", "DER", "-noout", "-text", data=der).decode()
    assert leaf["serial"].lstrip("0").upper() in text.upper().replace(":", "")
    assert admin.get(f"/cas/{made['issuing']}/crl")["number"] > before
    assert leaf["id"] in [c["id"] for c in admin.get(f"/cas/{made['issuing']}/certificates?limit=500")["items"]]


def asking_for_a_list_signs_none(made):
    lists = {public(f"/crl/{made['issuing']}.crl") for _ in range(5)}
    assert len(lists) == 1, "a stranger's GET made the CA sign"


def every_authority_has_its_own_complete_der_list(admin, made):
    for ca in (made["root"], made["issuing"]):
        der = public(f"/crl/{ca}.crl")
        text = openssl("crl", "-inform", "DER", "-noout", "-text", data=der).decode()
        issuer = admin.get(f"/cas/{ca}")
        assert "X509v3 CRL Number" in text and "X509v3 Authority Key Identifier" in text
        key = issuer["certificate"]["subjectKeyId"].upper()
        assert key in text.replace(":", "").upper()
    leaf = sign_one(admin, made["issuing"], "cdp.example")["pem"]
    assert "http://localhost" in (urls := openssl("x509", "-noout", "-ext", "crlDistributionPoints", data=leaf.encode()).decode())
    assert f"/crl/{made['issuing']}.crl" in urls, "by plain HTTP: the list itself is signed"


def omitting_a_member_of_the_settings_disables_nothing(admin):
    ca = admin.post("/cas", {"name": "Partly Set", "key": "P-256"}, 201)
    first = admin.patch(f"/cas/{ca['id']}", {"settings": {"crl": {"validityHours": 12, "overlapHours": 2}}})["settings"]
    second = admin.patch(f"/cas/{ca['id']}", {"settings": {"ocsp": {"validityHours": 3}}})["settings"]
    assert second["crl"] == first["crl"] and second["ocsp"]["validityHours"] == 3
    der = public(f"/crl/{ca['id']}.crl")
    text = openssl("crl", "-inform", "DER", "-noout", "-lastupdate", "-nextupdate", data=der).decode()
    last, following = (datetime.datetime.strptime(line.split("=")[1], "%b %d %H:%M:%S %Y GMT") for line in text.splitlines())
    assert datetime.timedelta(hours=11) < following - last <= datetime.timedelta(hours=13), text


def the_responder_answers_with_a_certificate_of_its_own(admin, made):
    """Delegated, without the usages of a CA."""
    template = admin.post(f"/cas/{made['root']}/templates", {"name": "Answered", "document": {"approval": "none"}}, 201)["id"]
    asked = admin.post(f"/templates/{template}/requests", {"csr": make_csr("responder.example").decode()}, 201)
    leaf = asked["certificate"]["pem"]
    issuer = admin.get(f"/cas/{made['root']}")["certificate"]["pem"]
    with tempfile.TemporaryDirectory() as directory:
        for path in (f"/ocsp/{made['root']}", "/ocsp"):  # without a CA the CertID chooses
            assert ocsp_status(directory, issuer, leaf, os.environ["GATEHOUSE_HTTP_URL"] + path) == "good", path
    signers = admin.get(f"/certificates?ca={made['root']}&use=ocsp&limit=500")["items"]
    text = openssl("x509", "-noout", "-text", data=admin.get(f"/certificates/{signers[0]['id']}?format=pem").body).decode()
    assert "OCSP Signing" in text and "OCSP No Check" in text and "Certificate Sign" not in text and "CRL Sign" not in text
    assert re.search(r"X509v3 Key Usage: critical\s+Digital Signature\n", text), text


def issuers_are_named_without_a_responder_and_the_other_way_round(admin, made):
    for aia, ocsp in ((True, False), (False, True), (False, False)):
        template = admin.post(f"/cas/{made['issuing']}/templates",
                              {"name": "Access", "document": {"aia": aia, "ocsp": ocsp, "approval": "none"}}, 201)["id"]
        asked = admin.post(f"/templates/{template}/requests", {"csr": make_csr("access.example").decode()}, 201)
        text = openssl("x509", "-noout", "-text", data=asked["certificate"]["pem"].encode()).decode()
        assert ("CA Issuers" in text) == aia and ("OCSP - URI" in text) == ocsp, text


def serial_numbers_are_random_positive_and_never_twice(admin, made):
    serials = [c["serial"] for c in admin.get(f"/certificates?ca={made['issuing']}&limit=500")["items"]]
    assert len(set(serials)) == len(serials) > 20
    for serial in serials:
        assert len(serial) == 32 and int(serial, 16) >> 127 == 0 and int(serial, 16) > 1 << 64, serial
    heads = {serial[:4] for serial in serials}
    assert len(heads) > len(serials) * 0.9, "they have a pattern"


def validity_is_as_ordered_to_the_second(admin):
    ca = admin.post("/cas", {"name": "Exact", "key": "P-256", "notAfter": "2030-03-31T01:00:00Z"}, 201)
    assert ca["notAfter"] == "2030-03-31T01:00:00Z"
    template = admin.post(f"/cas/{ca['id']}/templates", {
        "name": "Exact", "document": {"approval": "none", "validity": {"days": 90, "maxDays": 3650}}}, 201)["id"]

    def ask(status=201, **dates):
        return admin.post(f"/templates/{template}/requests", {"csr": make_csr("exact.example").decode(), **dates}, status)

    for end in ("2030-03-31T01:00:00Z", "2030-03-31T00:59:59Z", "2030-03-31T00:00:00Z", "2028-02-29T23:59:00Z"):
        assert ask(notAfter=end)["certificate"]["notAfter"] == end
    for end in ("2030-03-31T01:00:01Z", "2030-03-31T01:30:00Z"):
        assert ask(422, notAfter=end)["type"] == "/problems/validity"


def nist_dates_within_the_validity_are_warned_of(admin):
    def warnings(key, end, **more):
        ca = admin.post("/cas", {"name": "Dated", "key": key, "notAfter": end, **more}, 201)
        shown = admin.get(f"/cas/{ca['id']}")["warnings"]
        assert all(w["text"] for w in shown)
        return {w["type"] for w in shown}

    rsa = {"type": "RSA", "bits": 2048}
    assert warnings(rsa, "2031-01-01T00:00:00Z") == set()
    assert warnings(rsa, "2031-01-01T00:00:01Z") == {"key-2030"}
    assert warnings(rsa, "2036-01-01T00:00:01Z") == {"key-2030", "key-2035"}
    assert warnings({"type": "RSA", "bits": 3072}, "2036-01-01T00:00:00Z") == set()
    assert warnings("P-256", "2036-01-01T00:00:01Z") == {"key-2035"}
    assert warnings({"type": "Ed25519"}, "2036-01-01T00:00:01Z") == {"key-2035"}
    assert warnings({"type": "ML-DSA-65"}, "2046-01-01T00:00:00Z") == set()
    with tempfile.TemporaryDirectory() as directory:
        for digest, wanted in (("sha1", {"hash-2030"}), ("sha224", {"hash-2030"}), ("sha256", set())):
            pem = openssl("req", "-x509", "-newkey", "rsa:3072", "-nodes", "-keyout", f"{directory}/key", "-subj", f"/CN=Old {digest}",
                          f"-{digest}", "-days", "2500", "-addext", "keyUsage=critical,keyCertSign,cRLSign").decode()
            ca = admin.post("/cas/import", {"name": f"Old {digest}", "certificate": pem}, 201)
            assert {w["type"] for w in ca["warnings"]} == wanted, (digest, ca["warnings"])


def names_of_people_and_authorities_are_their_own(admin, gateway):
    """Upper case, umlauts, blanks, 100 characters; a slash in a password."""
    long = "Zürcher Straßen & Söhne – Prüfstelle für Größen, " + "x" * 40
    ca = admin.post("/cas", {"name": long, "key": "P-256", "subject": {"CN": "Zürcher Straßen & Söhne"}}, 201)
    assert ca["name"] == long and re.fullmatch(r"[a-z0-9-]{1,63}", ca["id"])
    for word in ("crl", "operator", "ca", "ocsp"):
        assert admin.post("/cas", {"name": word, "key": "P-256"}, 201)["name"] == word
    user = admin.post("/users", {"username": "Slash.Person"}, 201)
    cookie, _ = log_in(gateway, "Slash.Person", user["oneTimePassword"])
    person = Client(gateway, cookie=cookie)
    person.headers["X-Gatehouse-CSRF"] = "1"
    word = "one/two\\three \"four\" %2F & ü #!*$'"
    person.post("/session/password", {"old": user["oneTimePassword"], "new": word}, 204)
    log_in(gateway, "slash.person", word)
    Client(gateway).post("/session", {"username": "Slash.Person", "password": word[:-1]}, 401)


def wildcards_and_certificates_without_a_name_are_found(admin, made):
    """Neither is left out of the inventory; without a subject the SANs are critical (RFC 5280, 4.1.2.6)."""
    template = admin.post(f"/cas/{made['issuing']}/templates", {"name": "Nameless", "document": {
        "approval": "none", "sans": {"types": ["dns", "ip"], "min": 1, "max": 5}}}, 201)["id"]

    def ask(subject, *names):
        with tempfile.TemporaryDirectory() as directory:
            csr = openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                          "-keyout", f"{directory}/key", "-addext", "subjectAltName=" + ",".join(names))
        return admin.post(f"/templates/{template}/requests", {"csr": csr.decode()}, 201)["certificate"]

    star, bare = ask("/CN=*.star.example", "DNS:*.star.example"), ask("/", "DNS:nameless.example", "IP:192.0.2.55")
    for query, wanted in (("name=*.star.example", star), ("nameSuffix=.star.example", star), ("q=*.star", star),
                          ("name=nameless.example", bare), ("name=192.0.2.55", bare), ("q=nameless.ex", bare)):
        assert [c["id"] for c in admin.get("/certificates?" + query)["items"]] == [wanted["id"]], query
        assert admin.get("/certificates/count?" + query)["count"] == 1, query
    text = openssl("x509", "-noout", "-subject", "-ext", "subjectAltName", data=bare["pem"].encode()).decode()
    assert re.search(r"subject= *\n", text) and "Alternative Name: critical" in text, text


def who_has_not_logged_in_yet_is_no_error_in_the_log(gateway):
    """Clients ask without a password first; operators are not called for it."""
    path = os.path.join(os.environ["GATEHOUSE_DIR"], "serve.log")
    before = os.path.getsize(path)
    Client(gateway).get("/cas", 401)
    with open(path, encoding="utf-8", errors="replace") as file:
        file.seek(before)
        lines = [line for line in file if re.search(r"\b(error|warn(ing)?)\b", line) and "/cas" in line]
    assert not lines, lines


def odd_characters_in_a_name_do_not_stall_the_events(admin, made):
    for name in ("bell\\x07.example", "<b onload=alert(1)>", "a\\x0d\\x0ab"):
        csr = openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-utf8",
            "-subj", "/CN=" + name.encode().decode("unicode_escape").replace("=", "\\="), "-addext", "subjectAltName=DNS:odd.example")
        answer = admin.raw("POST", f"/templates/{made['template']}/requests", json.dumps({"csr": csr.decode()}).encode(),
                           {"Content-Type": "application/json"})
        assert answer.status in (201, 400, 422), answer.body
    events = admin.get("/events?limit=50")["items"]
    assert events and not any(ord(c) < 32 for e in events for c in json.dumps(e, ensure_ascii=False))


def times_are_utc_and_say_so(admin):
    def walk(value, name=""):
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, key)
        elif isinstance(value, list):
            for inner in value:
                walk(inner, name)
        elif isinstance(value, str) and (name.endswith("At") or name in ("notBefore", "notAfter", "at", "thisUpdate", "nextUpdate")):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value), (name, value)

    for path in ("/cas", "/certificates", "/requests", "/events", "/users", "/validators", "/session/tokens"):
        walk(admin.get(path).value)


def a_refusal_is_never_shown_as_success(admin, made):
    """What fails says so, has its event, and leaves the state as it was."""
    leaf = sign_one(admin, made["issuing"], "honest.example")
    admin.post(f"/certificates/{leaf['id']}/revoke", {"reason": "boredom"}, 422)
    assert admin.get(f"/certificates/{leaf['id']}")["state"] == "valid"
    admin.post("/cas", {"name": "Broken", "key": {"uri": "pkcs11:token=nowhere;object=nothing"}}, 404)
    assert "Broken" not in [ca["name"] for ca in admin.get("/cas?limit=500")["items"]]


def the_places_of_the_other_claims_exist():
    for claim, (path, words) in SHOWN_ELSEWHERE.items():
        with open(os.path.join(TESTS, path), encoding="utf-8") as file:
            assert words in file.read(), f"{claim}: {path} does not say {words!r} any more"


def run(gateway, admin, made):
    given = {"admin": admin, "made": made, "gateway": gateway}
    claims = [claim for claim in list(globals().values())
              if getattr(claim, "__module__", None) == __name__ and callable(claim) and claim is not run]
    for claim in claims:
        claim(*(given[name] for name in claim.__code__.co_varnames[:claim.__code__.co_argcount]))
    print(f"weaknesses: {len(claims)} shown here not to be had, {len(SHOWN_ELSEWHERE)} elsewhere")
