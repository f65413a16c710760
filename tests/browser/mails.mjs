// A real SMTP server beside the browser, and what came there.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const READ = `
import email, email.policy, glob, json, os, sys
def one(path):
    with open(path, "rb") as file:
        m = email.message_from_binary_file(file, policy=email.policy.default)
    body = lambda kind: (lambda part: part.get_content() if part else None)(m.get_body((kind,)))
    return {"to": m["To"], "subject": m["Subject"], "text": body("plain"), "html": body("html")}
paths = sorted(glob.glob(sys.argv[1] + "/*.eml"), key=lambda p: int(os.path.basename(p)[:-4]))
print(json.dumps([one(p) for p in paths]))`;

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export async function mailServer() {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-mails.'));
  const process_ = spawn('/usr/bin/python3', [join(process.env.GATEHOUSE_ROOT, 'tests/lib/smtp_server.py'), directory], { stdio: 'inherit' });
  for (let i = 0; i < 150 && !existsSync(join(directory, 'port')); i++) await pause(100);
  const all = () => JSON.parse(execFileSync('/usr/bin/python3', ['-c', READ, directory], { encoding: 'utf8' }));
  return {
    port: Number(readFileSync(join(directory, 'port'), 'utf8')),
    all,
    /** The newest mail to that address whose subject matches; waits for it. */
    async wait(to, subject) {
      for (let i = 0; i < 150; i++) {
        const found = all().filter((m) => m.to === to && subject.test(m.subject));
        if (found.length) return found.at(-1);
        await pause(200);
      }
      throw new Error(`no mail to ${to} with ${subject}; there are ${JSON.stringify(all().map((m) => [m.to, m.subject]))}`);
    },
    stop() { process_.kill(); },
  };
}
