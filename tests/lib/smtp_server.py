"""A real SMTP server for tests (Debian's python3-aiosmtpd): what it takes is put into a directory.

    smtp_server.py DIRECTORY [--tls CERT KEY | --starttls CERT KEY] [--login USER PASSWORD]

Writes DIRECTORY/port when it listens, and each message as DIRECTORY/N.eml. Recipients: "refused@..." are refused
for good (550), "later@..." for now (451)."""

import argparse
import os
import signal
import ssl
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Keep:
    def __init__(self, directory):
        self.directory = directory
        self.count = 0

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # pylint: disable=invalid-name
        if address.startswith("refused@"):
            return "550 5.1.1 There is no such mailbox"
        if address.startswith("later@"):
            return "451 4.3.0 Try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # pylint: disable=invalid-name
        self.count += 1
        path = os.path.join(self.directory, f"{self.count}.eml")
        with open(path + ".part", "wb") as file:
            file.write(b"X-To: " + ",".join(envelope.rcpt_tos).encode() + b"\r\n" + envelope.content)
        os.rename(path + ".part", path)
        return "250 OK"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--starttls", nargs=2)
    parser.add_argument("--login", nargs=2)
    options = parser.parse_args()
    given = {}
    pair = options.tls or options.starttls
    if pair:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        given["ssl_context" if options.tls else "tls_context"] = context
    if options.starttls:
        given["require_starttls"] = True
    if options.login:
        def check(_server, _session, _envelope, _mechanism, data):
            good = isinstance(data, LoginPassword) and [data.login.decode(), data.password.decode()] == options.login
            return AuthResult(success=good, handled=good)
        given.update(authenticator=check, auth_required=True, auth_require_tls=bool(options.starttls))

    class Anywhere(Controller):
        def _trigger_server(self):  # the port is known only when it listens
            self.port = self.server.sockets[0].getsockname()[1]
            if not options.tls:
                super()._trigger_server()

    controller = Anywhere(Keep(options.directory), hostname="127.0.0.1", port=0, **given)
    controller.start()
    with open(os.path.join(options.directory, "port.part"), "w", encoding="ascii") as file:
        file.write(str(controller.port))
    os.rename(os.path.join(options.directory, "port.part"), os.path.join(options.directory, "port"))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    controller.stop()


main()
