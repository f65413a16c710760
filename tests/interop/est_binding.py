"""A client of EST that binds its CSR to the TLS 1.2 connection (RFC 7030 section 3.5), with Python's ssl.

    est_binding.py URL CA.pem USER:PASSWORD OPENSSL KEY.pem NAME OUT [stale]

Prints the status; the body goes to OUT. "stale": the binding is that of another connection.
"""
import base64
import http.client
import ssl
import subprocess
import sys
import urllib.parse


def connect(url, ca):
    context = ssl.create_default_context(cafile=ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    connection = http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=30)
    connection.connect()
    return connection


def make_csr(openssl, key, name, challenge):
    config = ("[req]\nprompt=no\ndistinguished_name=dn\nattributes=at\n[dn]\nCN=" + name +
              "\n[at]\nchallengePassword=" + challenge + "\n")
    with open("binding.cnf", "w", encoding="ascii") as file:
        file.write(config)
    return subprocess.run([openssl, "req", "-new", "-key", key, "-config", "binding.cnf", "-outform", "DER"],
                          check=True, capture_output=True).stdout


def main(url, ca, who, openssl, key, name, out, stale=None):
    url = urllib.parse.urlsplit(url)
    connection = connect(url, ca)
    assert connection.sock.version() == "TLSv1.2"
    bound_to = connect(url, ca) if stale else connection
    binding = base64.b64encode(bound_to.sock.get_channel_binding("tls-unique")).decode()
    csr = make_csr(openssl, key, name, binding)
    connection.request("POST", url.path, base64.b64encode(csr), {
        "Content-Type": "application/pkcs10", "Authorization": "Basic " + base64.b64encode(who.encode()).decode()})
    answer = connection.getresponse()
    with open(out, "wb") as file:
        file.write(answer.read())
    print(answer.status, end="")


main(*sys.argv[1:])
