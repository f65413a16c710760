// What other programs say about the files that a browser has made.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';

const built = join(process.env.GATEHOUSE_CACHE ?? join(homedir(), '.cache/gatehouse'), 'deps/bin/openssl');
export const OPENSSL = process.env.GATEHOUSE_OPENSSL ?? (existsSync(built) ? built : 'openssl');

export function run(program, args, options = {}) {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], ...options });
}

/** Key and certificate belong together, the chain is there; answers what the file is sealed with. */
export function checkWithOpenssl(path, password, legacy, name) {
  const more = legacy ? ['-legacy'] : [];
  const info = execFileSync('sh', ['-c', '"$0" pkcs12 -in "$1" -info -noout -passin "pass:$2" $3 2>&1', OPENSSL, path, password, ...more], { encoding: 'utf8' });
  const key = run(OPENSSL, ['pkcs12', '-in', path, '-nocerts', '-noenc', '-passin', `pass:${password}`, ...more]);
  const own = run(OPENSSL, ['pkcs12', '-in', path, '-clcerts', '-nokeys', '-passin', `pass:${password}`, ...more]);
  const chain = run(OPENSSL, ['pkcs12', '-in', path, '-cacerts', '-nokeys', '-passin', `pass:${password}`, ...more]);
  const publicOf = (args, input) => run(OPENSSL, args, { input });
  assert.equal(publicOf(['pkey', '-pubout'], key), publicOf(['x509', '-noout', '-pubkey'], own), 'the key is that of the certificate');
  assert.match(run(OPENSSL, ['x509', '-noout', '-ext', 'subjectAltName'], { input: own }), new RegExp(`DNS:${name}`));
  assert.ok(chain.includes('BEGIN CERTIFICATE'), 'the issuer is in the file');
  assert.match(info, legacy ? /3DES|TripleDES/i : /AES-256-CBC/);
  assert.throws(() => run(OPENSSL, ['pkcs12', '-in', path, '-noout', '-passin', 'pass:wrong', ...more]), 'another password opens nothing');
}

export function checkWithJava(path, password) {
  const list = run('keytool', ['-list', '-v', '-storetype', 'PKCS12', '-keystore', path, '-storepass', password]);
  assert.match(list, /PrivateKeyEntry/);
  assert.match(list, /chain length: [2-9]/i);
}

export function checkWithNss(path, password) {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-nss.'));
  try {
    run('certutil', ['-N', '--empty-password', '-d', `sql:${directory}`]);
    run('pk12util', ['-i', path, '-d', `sql:${directory}`, '-W', password, '-K', '']);
    assert.match(run('certutil', ['-K', '-d', `sql:${directory}`]), /^<\s*0>/m, 'the key is in the NSS database');
  } finally {
    rmSync(directory, { recursive: true });
  }
}
