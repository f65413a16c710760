"""A relay of HTTP POSTs that sends each to the next of two servers: alternate.py PORT HOST:PORT HOST:PORT"""

import http.client
import http.server
import itertools
import sys


class Relay(http.server.BaseHTTPRequestHandler):
    targets = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        target = next(self.targets)
        connection = http.client.HTTPConnection(target, timeout=60)
        connection.request("POST", self.path, body, {"Content-Type": self.headers["Content-Type"]})
        answer = connection.getresponse()
        data = answer.read()
        print(target, answer.status, self.path, flush=True)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type"))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    Relay.targets = itertools.cycle(sys.argv[2:4])
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Relay).serve_forever()
