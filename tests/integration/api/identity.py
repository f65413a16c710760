"""Users of a directory: a real slapd over LDAPS and StartTLS, groups that become roles, what keeps people out."""

import os
import socket
import subprocess
import tempfile
import time

from access import PASSWORD, log_in, new_user
from client import Client

SUFFIX = "dc=example,dc=test"
PEOPLE = {"alba": "Alba Amber", "bruno": "Bruno Birch", "cleo": "Cleo Clay", "fiona": "Another Fiona"}
GROUPS = {"pki-users": ["alba", "cleo", "fiona"], "pki-auditors": ["alba", "bruno", "fiona"]}


def password_of(name):
    return f"directory {name} 2718"


def dn(name):
    return f"uid={name},ou=people,{SUFFIX}"


def group(name):
    return f"cn={name},ou=groups,{SUFFIX}"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Directory:
    def __init__(self, directory):
        self.at = directory
        self.tls, self.plain = free_port(), free_port()
        cert, key = self.path("ldap.pem"), self.path("ldap.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ldap", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-days", "2", "-out", cert, "-keyout", key],
                       check=True, capture_output=True)
        with open(cert, encoding="ascii") as file:
            self.ca = file.read()
        os.mkdir(self.path("db"))
        with open(self.path("slapd.conf"), "w", encoding="utf-8") as file:
            file.write(f"""include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {self.path("slapd.pid")}
TLSCACertificateFile {cert}
TLSCertificateFile {cert}
TLSCertificateKeyFile {key}
database mdb
suffix "{SUFFIX}"
rootdn "cn=admin,{SUFFIX}"
rootpw admin-secret
directory {self.path("db")}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,{SUFFIX}" read by * none
""")
        with open(self.path("all.ldif"), "w", encoding="utf-8") as file:
            file.write(self.ldif())
        subprocess.run([self.program("slapadd"), "-f", self.path("slapd.conf"), "-l", self.path("all.ldif")], check=True,
                       capture_output=True)
        self.process = None
        self.start()

    def path(self, name):
        return os.path.join(self.at, name)

    @staticmethod
    def program(name):
        return "/usr/sbin/" + name

    @staticmethod
    def ldif():
        lines = [f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n"]
        for unit in ("people", "groups"):
            lines.append(f"dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n")
        lines.append(f"dn: cn=reader,{SUFFIX}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
                     "cn: reader\nuserPassword: reader-secret\n")
        for name, full in PEOPLE.items():
            lines.append(f"dn: {dn(name)}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {full}\nsn: {full.split()[1]}\n"
                         f"mail: {name}@example.test\nuserPassword: {password_of(name)}\n")
        for name, members in GROUPS.items():
            lines.append(f"dn: {group(name)}\nobjectClass: groupOfNames\ncn: {name}\n" +
                         "".join(f"member: {dn(m)}\n" for m in members))
        return "\n".join(lines)

    def start(self):
        urls = f"ldaps://127.0.0.1:{self.tls} ldap://127.0.0.1:{self.plain}"
        self.process = subprocess.Popen([self.program("slapd"), "-f", self.path("slapd.conf"), "-h", urls, "-d", "0"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.tls), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("slapd does not listen")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def change(self, text):
        subprocess.run(["ldapmodify", "-x", "-H", f"ldap://127.0.0.1:{self.plain}", "-D", f"cn=admin,{SUFFIX}", "-w",
                        "admin-secret"], input=text, text=True, check=True, capture_output=True)


def enter(gateway, name, password=None, status=200, problem=None):
    answer = Client(gateway).post("/session", {"username": name, "password": password_of(name) if password is None else password,
                                               "provider": "directory"}, status, problem=problem)
    return answer.value if status == 200 else answer


def check_settings(admin, settings):
    make = {"id": "directory", "kind": "ldap", "name": "Example", "secret": "reader-secret"}
    for change in ({"url": "ldap://localhost"}, {"url": "http://localhost"}, {"startTls": True}, {"filter": "(uid=x)"},
                   {"filter": "uid={}"}, {"ca": "x"}, {"subjectAttribute": ""}, {"mailAttribute": "a b"},
                   {"roles": [{"group": "", "role": "auditor", "scope": "instance"}]},
                   {"roles": [{"group": "x", "role": "auditor", "scope": "organisation"}]}):
        admin.post("/identity-providers", {**make, "settings": {**settings, **change}}, 422)
    for slug in ("password", "Up", ""):
        admin.post("/identity-providers", {**make, "id": slug, "settings": settings}, 422, problem="bad-slug")
    made = admin.post("/identity-providers", {**make, "settings": settings}, 201)
    assert made["hasSecret"] and "reader-secret" not in str(admin.get("/identity-providers").value)
    admin.post("/identity-providers", {**make, "settings": settings}, 409, problem="exists")
    return made.value


def put(admin, standing, secret=None, **settings):
    body = {"kind": "ldap", "name": "Example", "settings": {**standing["settings"], **settings}, "version": standing["version"]}
    body["settings"] = {k: v for k, v in body["settings"].items() if v is not None}
    return admin.put("/identity-providers/directory", {**body, **({"secret": secret} if secret is not None else {})}).value


def check_entering(gateway, admin, directory, standing):
    assert {"id": "directory", "kind": "ldap", "name": "Example"} in Client(gateway).get("/session/providers")["items"]
    session = enter(gateway, "alba")
    assert [r["role"] for r in session["roles"]] == ["auditor"] and not session["mustChangePassword"]
    user = [u for u in admin.get("/users?limit=500")["items"] if u["username"] == "alba"][0]
    assert user["provider"] == "directory" and user["displayName"] == "Alba Amber" and user["email"] == "alba@example.test"
    enter(gateway, "alba", "wrong wrong wrong", 401, "login-failed")
    for name in ("*", "al*", "alba)(uid=*", "nobody", "alba\\2a", "x" * 300):
        enter(gateway, name, password_of("alba"), 401, "login-failed")
    enter(gateway, "alba", "", 401, "login-failed")  # RFC 4513 5.1.2: that would be no password at all
    enter(gateway, "bruno", status=403, problem="group-needed")
    enter(gateway, "cleo", status=403, problem="no-role")
    # The name is that of a local user; it is not taken over.
    enter(gateway, "fiona", status=409, problem="exists")
    log_in(gateway, "alba", password_of("alba"), 401)
    # Roles are what the groups say now.
    directory.change(f"dn: {group('pki-officers')}\nchangetype: add\nobjectClass: groupOfNames\ncn: pki-officers\n"
                     f"member: {dn('alba')}\n")
    assert sorted(r["role"] for r in enter(gateway, "alba")["roles"]) == ["auditor", "officer"]
    directory.change(f"dn: {group('pki-officers')}\nchangetype: delete\n")
    assert [r["role"] for r in enter(gateway, "alba")["roles"]] == ["auditor"]
    # Suspended here is out, whatever the directory says.
    admin.patch(f"/users/{user['id']}", {"state": "suspended"})
    enter(gateway, "alba", status=401)
    admin.patch(f"/users/{user['id']}", {"state": "active"})
    enter(gateway, "alba")
    return standing


def check_ways(gateway, admin, directory, standing):
    standing = put(admin, standing, url=f"ldap://127.0.0.1:{directory.plain}", startTls=True)
    admin.post("/identity-providers/directory/test", status=204)
    enter(gateway, "alba")
    standing = put(admin, standing, url=f"ldaps://127.0.0.1:{directory.tls}", startTls=None)
    # Another CA, another name, another password of the service account: said, and nobody comes in.
    with open(os.environ["GATEHOUSE_TLS_CERT"], encoding="ascii") as file:
        other = file.read()
    standing = put(admin, standing, ca=other)
    admin.post("/identity-providers/directory/test", status=503, problem="directory-failed")
    standing = put(admin, standing, ca=directory.ca, url=f"ldaps://localhost:{directory.tls}")
    admin.post("/identity-providers/directory/test", status=503, problem="directory-failed")
    standing = put(admin, standing, "wrong", url=f"ldaps://127.0.0.1:{directory.tls}")
    enter(gateway, "alba", status=503, problem="directory-failed")
    standing = put(admin, standing, "reader-secret")
    enter(gateway, "alba")
    admin.put("/identity-providers/directory", {"kind": "ldap", "name": "x", "settings": standing["settings"], "version": 1},
              409, problem="changed-meanwhile")
    directory.stop()
    enter(gateway, "alba", status=503, problem="directory-failed")
    directory.start()
    enter(gateway, "alba")
    # Nobody maps a group to more than they may give.
    admin.post("/roles", {"id": "clerk-too", "name": "x", "permissions": ["settings:read", "settings:manage", "users:read", "users:manage"]}, 201)
    _, clerk = new_user(gateway, admin, "clerk-too", [{"role": "clerk-too", "scope": "instance"}])
    roles = [{"group": group("pki-users"), "role": "administrator", "scope": "instance"}]
    clerk.put("/identity-providers/directory", {"kind": "ldap", "name": "x", "version": standing["version"],
                                                "settings": {**standing["settings"], "roles": roles}}, 403)


def run(gateway, admin):
    assert PASSWORD
    with tempfile.TemporaryDirectory(prefix="gatehouse-ldap.") as at:
        directory = Directory(at)
        try:
            settings = {"url": f"ldaps://127.0.0.1:{directory.tls}", "ca": directory.ca, "bindDn": f"cn=reader,{SUFFIX}",
                        "base": f"ou=people,{SUFFIX}", "groupBase": f"ou=groups,{SUFFIX}",
                        "requiredGroup": group("PKI-users"),
                        "roles": [{"group": group("pki-auditors"), "role": "auditor", "scope": "instance"},
                                  {"group": group("pki-officers"), "role": "officer", "scope": "instance"}]}
            standing = check_settings(admin, settings)
            admin.post("/identity-providers/directory/test", status=204)
            standing = check_entering(gateway, admin, directory, standing)
            check_ways(gateway, admin, directory, standing)
        finally:
            directory.stop()
    admin.delete("/identity-providers/directory")
    enter(gateway, "alba", status=404)
