#!/usr/bin/env python3
"""What issuers' URLs (caIssuers) may answer: files of DIR, and ways to go wrong.

issuers.py PORT DIR    prints "ready". /loop redirects to itself, /elsewhere to another address of this host, /endless goes on
for 10 MB without saying how much comes."""
import http.server
import os
import sys

port, folder = int(sys.argv[1]), sys.argv[2]


class Handler(http.server.BaseHTTPRequestHandler):
    def go_to(self, place):
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        name = os.path.basename(self.path)
        if name == "loop":
            self.go_to("/loop")
        elif name == "elsewhere":
            self.go_to(f"http://127.0.0.2:{port}/policy.der")
        elif name == "endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(160):
                self.wfile.write(b"\x30" * 65536)
        elif os.path.isfile(os.path.join(folder, name)):
            with open(os.path.join(folder, name), "rb") as file:
                self.answer(file.read())
        else:
            self.send_error(404)

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except OSError:  # the other side has had enough
            self.close_connection = True

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
server.daemon_threads = True
print("ready", flush=True)
server.serve_forever()
