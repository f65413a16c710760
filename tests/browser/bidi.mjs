// Firefox by WebDriver BiDi (w3c.github.io/webdriver-bidi), as Debian ships it; as much of it as the tests need.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket from 'ws';

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function program() {
  for (const name of ['firefox-esr', 'firefox'])
    try { return execFileSync('which', [name], { encoding: 'utf8' }).trim(); } catch { /* the next */ }
  throw new Error('no Firefox is installed');
}

/** Its log names the address at which it listens. */
async function start(directory) {
  const profile = join(directory, 'profile');
  mkdirSync(profile);
  const settings = { 'browser.download.folderList': 2, 'browser.download.dir': directory, 'browser.download.alwaysOpenPanel': false, 'browser.shell.checkDefaultBrowser': false, 'datareporting.policy.dataSubmissionEnabled': false, 'toolkit.telemetry.enabled': false };
  writeFileSync(join(profile, 'user.js'), Object.entries(settings).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''));
  const firefox = spawn(program(), ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: directory, MOZ_CRASHREPORTER_DISABLE: '1' } });
  const address = await new Promise((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => reject(new Error(`Firefox does not listen: ${text}`)), 90000);
    firefox.stderr.on('data', (piece) => {
      text += piece;
      const found = /WebDriver BiDi listening on (ws:\S+)/.exec(text);
      if (found !== null) { clearTimeout(late); resolve(found[1]); }
    });
    firefox.on('exit', (code) => { clearTimeout(late); reject(new Error(`Firefox ended (${code}): ${text}`)); });
  });
  return { firefox, address };
}

async function connect(address) {
  const socket = new WebSocket(`${address}/session`);
  const waiting = new Map();
  let last = 0;
  await new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject); });
  socket.on('message', (data) => {
    const answer = JSON.parse(data.toString());
    const one = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (one === undefined) return;
    if (answer.type === 'error') one.reject(new Error(`${answer.error}: ${answer.message}`));
    else one.resolve(answer.result);
  });
  const send = (method, params) => new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject });
    socket.send(JSON.stringify({ id: last, method, params }));
  });
  return { send, close: () => socket.close() };
}

/** Runs `test(page)` in a Firefox of its own, whose downloads are in `page.directory`. */
export async function withFirefox(test) {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-firefox.'));
  const { firefox, address } = await start(directory);
  let line;
  try {
    line = await connect(address);
    const { capabilities } = await line.send('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
    const { contexts } = await line.send('browsingContext.getTree', {});
    await test(pageOf(line, contexts[0].context, directory), capabilities.browserVersion);
  } finally {
    line?.close();
    const ended = new Promise((resolve) => { firefox.on('exit', resolve); });
    firefox.kill();
    await Promise.race([ended, pause(10000)]);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function pageOf({ send }, context, directory) {
  /** The function runs in the page with these arguments, which have to be JSON. */
  const run = async (act, ...args) => {
    const answer = await send('script.callFunction', {
      functionDeclaration: `async (text) => JSON.stringify(await (${act})(...JSON.parse(text)) ?? null)`, arguments: [{ type: 'string', value: JSON.stringify(args) }],
      target: { context }, awaitPromise: true, userActivation: true,
    });
    if (answer.type === 'exception') throw new Error(answer.exceptionDetails.text);
    return JSON.parse(answer.result.value);
  };
  const until = async (what, ask, seconds = 60) => {
    for (let i = 0; i < seconds * 5; i++) {
      const found = await ask();
      if (found) return found;
      await pause(200);
    }
    throw new Error(`Firefox: ${what} did not come; the page says: ${await run(() => document.body.innerText)}`);
  };
  return {
    directory,
    run,
    until,
    goto: (url) => send('browsingContext.navigate', { context, url, wait: 'complete' }),
    text: (words) => until(words, () => run((w) => document.body.innerText.includes(w), words)),
    /** By its label, as a person finds it. */
    fill: (label, value) => until(label, () => run((l, v) => {
      const control = [...document.querySelectorAll('label')].find((one) => one.textContent.includes(l))?.control;
      if (!control) return false;
      if (control.type === 'checkbox' || control.type === 'radio') control.click();
      else control.value = v;
      control.dispatchEvent(new Event('input', { bubbles: true }));
      control.dispatchEvent(new Event('change', { bubbles: true }));
      return true;
    }, label, value)),
    press: (name) => until(name, () => run((n) => {
      const button = [...document.querySelectorAll('button')].find((one) => one.textContent.trim() === n && !one.disabled);
      button?.click();
      return button !== undefined;
    }, name)),
    /** The whole path of a file that was saved. */
    download: (pattern) => until(String(pattern), () => {
      const names = readdirSync(directory);
      const found = names.find((name) => pattern.test(name));
      return found !== undefined && !names.some((name) => name.endsWith('.part')) ? join(directory, found) : undefined;
    }, 120),
  };
}
