"""Trust anchors of templates."""

import os

from client import SCRATCH, openssl


def make_ca(name):
    """A self-signed CA: its certificate and a CRL, PEM."""
    home = os.path.join(SCRATCH.name, name.replace(" ", "-"))
    os.mkdir(home)
    path = {part: os.path.join(home, part) for part in ("key.pem", "ca.pem", "index.txt", "crlnumber", "ca.cnf")}
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", path["key.pem"], "-out",
            path["ca.pem"])
    with open(path["index.txt"], "w", encoding="ascii"):
        pass
    with open(path["crlnumber"], "w", encoding="ascii") as file:
        file.write("01\n")
    with open(path["ca.cnf"], "w", encoding="ascii") as file:
        file.write(f"[ca]\ndefault_ca=x\n[x]\ndatabase={path['index.txt']}\ncrlnumber={path['crlnumber']}\n"
                   "default_md=sha256\ndefault_crl_days=7\n")
    crl = openssl("ca", "-config", path["ca.cnf"], "-gencrl", "-keyfile", path["key.pem"], "-cert", path["ca.pem"])
    with open(path["ca.pem"], encoding="ascii") as file:
        return file.read(), crl.decode()


def check_anchors(admin, made):
    base = f"/templates/{made['template']}/anchors"
    pem, crl = make_ca("Maker Root")
    _, other_crl = make_ca("Other Root")
    forged_pem, _ = make_ca("Forged Root")
    anchor = admin.post(base, {"certificate": pem, "crlCheck": "required", "crlUrls": ["http://crl.example/maker.crl"]},
                        201)
    assert anchor["name"] == "Maker Root" and anchor["role"] == "device" and anchor["crlCheck"] == "required"
    one = f"{base}/{anchor['id']}"
    assert anchor.headers["Location"].endswith(one)
    admin.post(base, {"certificate": pem}, 409, problem="exists")
    admin.post(base, {"certificate": "no"}, 400)
    admin.post(base, {"certificate": pem, "role": "boss"}, 400, problem="unknown-choice")
    admin.post(base, {"certificate": forged_pem, "crlUrls": ["ftp://crl.example/"]}, 422, problem="bad-url")
    admin.post(base, {"certificate": forged_pem, "name": ""}, 422, problem="bad-name")
    stored = admin.put(f"{one}/crl", {"crl": crl})
    assert stored["issuer"] == "CN=Maker Root" and stored["nextUpdate"] is not None
    admin.put(f"{one}/crl", {"crl": other_crl})  # of a CA below, for all we know
    admin.put(f"{one}/crl", {"crl": "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"}, 400,
              problem="malformed-crl")
    assert [c["issuer"] for c in admin.get(one)["crls"]] in (["CN=Maker Root", "CN=Other Root"],
                                                             ["CN=Other Root", "CN=Maker Root"])
    assert [item["id"] for item in admin.get(base)["items"]] == [anchor["id"]]
    admin.delete(one)
    admin.get(one, 404)
    admin.delete(one, 404)
    assert admin.get(base)["items"] == []
    made["anchor"] = admin.post(base, {"certificate": forged_pem, "role": "ra", "name": "Registration"}, 201)["id"]
    made["anchorPem"] = pem
