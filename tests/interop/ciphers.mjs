// SPDX-License-Identifier: Apache-2.0
// AEADs of both back ends against @noble/ciphers: random keys, data and texts of all lengths to 80 and some
// longer; what one seals the others open, and an altered bit is refused by all.
// node ciphers.mjs PEER: PEER is the program of peer.c. Prints TAP.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { randomBytes, randomInt } from 'node:crypto';
import { gcm, gcmsiv } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';

const peer = spawn(process.argv[2], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
const hex = (b) => (b.length ? Buffer.from(b).toString('hex') : '-');
const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;
async function ours(alg, op, ...args) {
  peer.stdin.write(`${alg} ${op} ${args.map(hex).join(' ')}\n`);
  const line = (await lines.next()).value;
  return line.startsWith('error') ? line : new Uint8Array(Buffer.from(line, 'hex'));
}
function theirs(cipher, sealed) {
  try {
    return cipher.decrypt(sealed);
  } catch {
    return null;
  }
}

let n = 0;
let failed = 0;
function ok(condition, name) {
  n += 1;
  if (!condition) failed += 1;
  console.log(`${condition ? 'ok' : 'not ok'} ${n} - ${name}`);
}

const lengths = [...Array(81).keys(), 127, 128, 129, 255, 511, 512, 513, 1024, 2047, 4096];
for (const [name, make] of [['AES-256-GCM', gcm], ['AES-256-GCM-SIV', gcmsiv], ['ChaCha20-Poly1305', chacha20poly1305]]) {
  for (const prefix of ['', 'mcu-']) {
    let seals = true, opens = true, refuses = true;
    for (const length of lengths) {
      const key = randomBytes(32), nonce = randomBytes(12), aad = randomBytes(randomInt(70)), text = randomBytes(length);
      const cipher = make(key, nonce, aad);
      const sealed = cipher.encrypt(text);
      seals &&= same(await ours(name, prefix + 'seal', key, nonce, aad, text), sealed);
      opens &&= same(await ours(name, prefix + 'open', key, nonce, aad, sealed), text);
      const bad = Uint8Array.from(sealed);
      bad[randomInt(bad.length)] ^= 1 << randomInt(8);
      refuses &&= (await ours(name, prefix + 'open', key, nonce, aad, bad)) === 'error PQI_ERR_AUTH' && theirs(cipher, bad) === null;
    }
    const which = prefix === '' ? 'OpenSSL' : 'portable';
    ok(seals, `${name}, ${which}: the same bytes are sealed`);
    ok(opens, `${name}, ${which}: what they seal opens`);
    ok(refuses, `${name}, ${which}: both refuse an altered bit`);
  }
}
console.log(`1..${n}`);
peer.stdin.end();
process.exit(failed === 0 ? 0 : 1);
