// Places outside that the console's "Test" buttons look at: an HTTP server, a DNS server and a time server on loopback.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';

const EPOCH = 2208988800;

/** RFC 6962 4.7, RFC 8555 7.1.1; whatever else is asked is answered, and PUT is taken. */
function httpServer() {
  const answers = {
    '/log/ct/v1/get-roots': { certificates: ['MAA=', 'MAA='] },
    '/directory': Object.fromEntries(['newNonce', 'newAccount', 'newOrder', 'revokeCert', 'keyChange'].map((name) => [name, `https://acme.example/${name}`])),
  };
  const taken = [];
  const server = createServer((request, response) => {
    if (request.method === 'PUT') taken.push(request.url);
    request.resume().on('end', () => {
      response.writeHead(request.method === 'PUT' ? 201 : 200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(answers[request.url] ?? { allow: true }));
    });
  });
  return new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve({ server, taken, port: server.address().port })); });
}

const udp = (answer) => new Promise((resolve) => {
  const socket = createSocket('udp4');
  socket.on('message', (packet, peer) => { const reply = answer(packet); if (reply !== undefined) socket.send(reply, peer.port, peer.address); });
  socket.bind(0, '127.0.0.1', () => resolve({ socket, port: socket.address().port }));
});

/** One address for every name, nothing else; who asks for "broken" is told that it failed (RFC 1035 4.1). */
function dnsAnswer(packet) {
  let at = 12;
  const labels = [];
  while (packet[at] !== 0) { labels.push(packet.toString('latin1', at + 1, at + 1 + packet[at])); at += packet[at] + 1; }
  const type = packet.readUInt16BE(at + 1);
  const question = packet.subarray(12, at + 5);
  const broken = labels[0]?.toLowerCase() === 'broken';
  const address = type === 1 && !broken ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]) : Buffer.alloc(0);
  const head = Buffer.from([packet[0], packet[1], 0x85, broken ? 0x82 : 0x80, 0, 1, 0, address.length > 0 ? 1 : 0, 0, 0, 0, 0]);
  return Buffer.concat([head, question, address]);
}

/** The time of this machine (RFC 5905, server mode). */
function timeAnswer(packet) {
  if (packet.length < 48) return undefined;
  const now = Buffer.alloc(8);
  const milliseconds = Date.now();
  now.writeUInt32BE((Math.floor(milliseconds / 1000) + EPOCH) >>> 0, 0);
  now.writeUInt32BE(Math.floor(((milliseconds % 1000) / 1000) * 2 ** 32), 4);
  return Buffer.concat([Buffer.from([0x24, 1, 6, 0xec, 0, 0, 0, 0, 0, 0, 0, 16]), Buffer.from('TEST'), now, packet.subarray(40, 48), now, now]);
}

export async function placesOutside() {
  const [http, dns, time] = await Promise.all([httpServer(), udp(dnsAnswer), udp(timeAnswer)]);
  return {
    http: `http://127.0.0.1:${http.port}`, taken: http.taken, resolver: `127.0.0.1@${dns.port}`, timeServer: `127.0.0.1:${time.port}`,
    stop() { http.server.close(); http.server.closeAllConnections(); dns.socket.close(); time.socket.close(); },
  };
}
