"""Odd but lawful names: every attribute type, RDNs of several values, every string type of a CSR, a thousand SANs."""

import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from claims import template_with
from client import OPENSSL, make_csr

KEY = ec.generate_private_key(ec.SECP256R1())
# Each attribute type that has a name here, with a value of its type; the last by its number alone.
ATTRIBUTES = {
    "CN": "Zoë", "O": "Söhne & Co", "OU": "Ünit", "C": "DE", "ST": "Bayern", "L": "Münch\u200aen", "STREET": "Weg 1", "postalCode": "80331",
    "DC": "example", "emailAddress": "a@b.example", "UID": "zoe", "serialNumber": "42-7", "dnQualifier": "q", "title": "Dr.", "SN": "Müller",
    "GN": "Zoë", "initials": "Z", "generationQualifier": "III", "pseudonym": "Z9", "name": "Zoë M", "description": "d",
    "businessCategory": "Private Organization", "organizationIdentifier": "VATDE-123", "jurisdictionC": "DE", "jurisdictionST": "BY",
    "jurisdictionL": "M", "telephoneNumber": "+49 89 1", "postOfficeBox": "12", "houseIdentifier": "h", "role": "r", "dmdName": "dmd",
    "destinationIndicator": "di", "mail": "m@b.example", "roomNumber": "1", "c3": "DEU", "unstructuredName": "u", "unstructuredAddress": "ua",
    "1.3.6.1.4.1.55555.1": "by number",
}


def issue(admin, template, csr, status=201, **more):
    return admin.post(f"/templates/{template}/requests", {"csr": csr, **more}, status)


def csr_with(subject="/CN=odd.example", config="", *arguments):
    """A CSR of openssl, whose configuration may order string types and sections."""
    with tempfile.TemporaryDirectory() as directory:
        with open(f"{directory}/cnf", "w", encoding="utf-8") as file:
            file.write("[req]\ndistinguished_name=dn\nprompt=no\nutf8=yes\n" + config)
        subject_given = ["-subj", subject, "-utf8"] if subject else []
        return subprocess.run([OPENSSL, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null",
                               "-config", f"{directory}/cnf", *subject_given, *arguments], check=True, capture_output=True).stdout.decode()


def load(pem):
    """By a strict decoder that is not OpenSSL's."""
    return x509.load_pem_x509_certificate(pem.encode())


def check_names(admin, made):
    every = template_with(admin, made, "Every Attribute", approval="none", subject={"from": "csr", "attributes": ["*"]},
                          sans={"types": ["dns"], "min": 0, "max": 5, "commonNameToSan": False})
    one = issue(admin, every, make_csr("x.example").decode(), subject=[{name: text} for name, text in ATTRIBUTES.items()])["certificate"]
    seen = load(one["pem"]).subject
    assert [a.value for a in seen] == list(ATTRIBUTES.values()), "the order or a value was lost"
    # Values together in one RDN (DER sorts them), and types twice.
    several = [{"O": "Example"}, {"CN": "multi", "UID": "m1", "serialNumber": "7"}, {"OU": "one"}, {"OU": "two"}]
    subject = load(issue(admin, every, make_csr("x.example").decode(), subject=several)["certificate"]["pem"]).subject
    assert [len(list(rdn)) for rdn in subject.rdns] == [1, 3, 1, 1] and [a.value for a in subject][-2:] == ["one", "two"], subject
    assert {(a.oid._name, a.value) for a in subject.rdns[1]} == {("commonName", "multi"), ("userID", "m1"), ("serialNumber", "7")}
    # The same from a CSR, where the RDN is made by openssl.
    subject = load(issue(admin, every, csr_with("/O=Example/CN=multi+UID=m1", "[dn]\n", "-multivalue-rdn"))["certificate"]["pem"]).subject
    assert [len(list(rdn)) for rdn in subject.rdns] == [1, 2], subject
    for mask, text in (("default", "Größe"), ("nombstr", "Größe"), ("MASK:0x0800", "Größe Ω 你"), ("MASK:0x4", "Groesse")):
        csr = csr_with(None, f"string_mask={mask}\n[dn]\nO={text}\nCN=odd.example\n")
        shown = issue(admin, every, csr)["certificate"]
        assert text in [a.value for a in load(shown["pem"]).subject], (mask, shown["subject"])
        assert shown["commonName"] == "odd.example" and text in shown["subject"], shown["subject"]
    admin.get("/certificates?name=odd.example")
    return every


def check_sans(admin, made):
    wide = template_with(admin, made, "Many Names", approval="none", sans={"types": ["dns", "ip"], "min": 1, "max": 1000})
    names = [f"n{i}.many.example" for i in range(1000)]
    got = issue(admin, wide, csr_with("/CN=n0.many.example", "[dn]\n", "-addext", "subjectAltName=" + ",".join("DNS:" + n for n in names)))
    sans = load(got["certificate"]["pem"]).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert sans.value.get_values_for_type(x509.DNSName) == names and not sans.critical
    for query in ("name=n150.many.example", "name=n201.many.example", "name=n999.many.example", "namePrefix=n999.m", "nameSuffix=n998.many.example",
                  "q=n999.many"):
        assert [c["id"] for c in admin.get("/certificates?" + query)["items"]] == [got["certificate"]["id"]], query
    more = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(f"n{i}.many.example") for i in range(10000)]), critical=True).sign(KEY, hashes.SHA256())
    answer = issue(admin, wide, more.public_bytes(serialization.Encoding.PEM).decode(), status=400)
    assert answer["type"] == "/problems/malformed-san" and "1000" in answer["detail"], answer.value


def check_commas(admin, made):
    """A comma within a name makes no second name of it, in the record and in the index of names."""
    people = template_with(admin, made, "Commas", approval="none", sans={"types": ["dns", "dirName"], "min": 1, "max": 9})
    names = ["dirName:CN=Doe\\, John,O=Example", "DNS:desk.example"]
    shown = issue(admin, people, make_csr("desk.example").decode(), sans=names)["certificate"]
    assert shown["sans"] == names, shown["sans"]
    assert admin.get("/certificates?name=john,o=example")["items"] == []
    for query in ("name=desk.example", "q=john,o=example", "namePrefix=cn=doe", "nameSuffix=john,o=example"):
        assert shown["id"] in [c["id"] for c in admin.get("/certificates?" + query)["items"]], query


def run(gateway, admin, made):
    check_commas(admin, made)
    check_names(admin, made)
    check_sans(admin, made)
