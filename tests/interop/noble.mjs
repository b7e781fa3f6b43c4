// SPDX-License-Identifier: Apache-2.0
// ML-KEM, ML-DSA, X-Wing and Falcon against @noble/post-quantum: keys, ciphertexts and signatures cross both ways.
// node noble.mjs PEER: PEER is the program of peer.c. Prints TAP.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { randomBytes } from 'node:crypto';
import { ml_kem512, ml_kem768, ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { ml_kem768_x25519 as xwing } from '@noble/post-quantum/hybrid.js';
import { falcon512, falcon512padded, falcon1024, falcon1024padded } from '@noble/post-quantum/falcon.js';
import { ml_dsa44, ml_dsa65, ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';

const peer = spawn(process.argv[2], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
const hex = (b) => (b.length ? Buffer.from(b).toString('hex') : '-');
const bytes = (s) => new Uint8Array(Buffer.from(s, 'hex'));
const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;
async function ours(alg, op, ...args) {
  peer.stdin.write(`${alg} ${op} ${args.map(hex).join(' ')}\n`);
  return (await lines.next()).value.split(' ');
}

// A signature that cannot be decoded may be an error there.
function verdict(scheme, sig, msg, pk) {
  try {
    return scheme.verify(sig, msg, pk);
  } catch {
    return false;
  }
}

let n = 0;
let failed = 0;
function ok(condition, name) {
  n += 1;
  if (!condition) failed += 1;
  console.log(`${condition ? 'ok' : 'not ok'} ${n} - ${name}`);
}

const ROUNDS = 5;
for (const [name, kem] of [['ML-KEM-512', ml_kem512], ['ML-KEM-768', ml_kem768], ['ML-KEM-1024', ml_kem1024]]) {
  let keys = true, toUs = true, toThem = true, implicit = true;
  for (let i = 0; i < ROUNDS; i++) {
    const seed = randomBytes(64);
    const theirs = kem.keygen(seed);
    const [pk, sk] = (await ours(name, 'keygen', seed)).map(bytes);
    keys &&= same(pk, theirs.publicKey) && same(sk, theirs.secretKey);
    const sent = kem.encapsulate(pk);
    const [got] = await ours(name, 'decaps', sent.cipherText, sk);
    toUs &&= same(bytes(got), sent.sharedSecret);
    const [ct, ss] = (await ours(name, 'encaps', theirs.publicKey, randomBytes(32))).map(bytes);
    toThem &&= same(kem.decapsulate(ct, theirs.secretKey), ss);
    const bad = Uint8Array.from(ct);
    bad[randomBytes(1)[0]] ^= 1;
    const [rejected] = await ours(name, 'decaps', bad, sk);
    implicit &&= same(kem.decapsulate(bad, theirs.secretKey), bytes(rejected)) && !same(bytes(rejected), ss);
  }
  ok(keys, `${name} the same seed gives the same keys`);
  ok(toUs, `${name} we decapsulate what they encapsulate`);
  ok(toThem, `${name} they decapsulate what we encapsulate`);
  ok(implicit, `${name} an altered ciphertext gives both the same other secret`);
}

{
  let keys = true, toUs = true, toThem = true, exact = true, implicit = true;
  for (let i = 0; i < ROUNDS; i++) {
    const seed = randomBytes(32);
    const coins = randomBytes(64);
    const theirs = xwing.keygen(seed);
    const [pk] = (await ours('X-Wing', 'keygen', seed)).map(bytes);
    keys &&= same(pk, theirs.publicKey);
    const sent = xwing.encapsulate(pk);
    const [got] = await ours('X-Wing', 'decaps', sent.cipherText, seed);
    toUs &&= same(bytes(got), sent.sharedSecret);
    const [ct, ss] = (await ours('X-Wing', 'encaps', theirs.publicKey, coins)).map(bytes);
    toThem &&= same(xwing.decapsulate(ct, theirs.secretKey), ss);
    const fixed = xwing.encapsulate(pk, coins);
    exact &&= same(fixed.cipherText, ct) && same(fixed.sharedSecret, ss);
    const bad = Uint8Array.from(ct);
    bad[randomBytes(1)[0]] ^= 1;
    const [rejected] = await ours('X-Wing', 'decaps', bad, seed);
    implicit &&= same(xwing.decapsulate(bad, theirs.secretKey), bytes(rejected)) && !same(bytes(rejected), ss);
  }
  ok(keys, 'X-Wing the same seed gives the same public key');
  ok(toUs, 'X-Wing we decapsulate what they encapsulate');
  ok(toThem, 'X-Wing they decapsulate what we encapsulate');
  ok(exact, 'X-Wing the same coins give the same ciphertext and secret');
  ok(implicit, 'X-Wing an altered ciphertext gives both the same other secret');
}

for (const [name, dsa] of [['ML-DSA-44', ml_dsa44], ['ML-DSA-65', ml_dsa65], ['ML-DSA-87', ml_dsa87]]) {
  let keys = true, toUs = true, toThem = true, exact = true, refused = true;
  for (let i = 0; i < ROUNDS; i++) {
    const seed = randomBytes(32);
    const msg = randomBytes(100 + i);
    const context = new Uint8Array(randomBytes(i * 20));
    const theirs = dsa.keygen(seed);
    const [pk, sk] = (await ours(name, 'keygen', seed)).map(bytes);
    keys &&= same(pk, theirs.publicKey) && same(sk, theirs.secretKey);
    const sig = dsa.sign(msg, theirs.secretKey, { context });
    toUs &&= (await ours(name, 'verify', pk, context, msg, sig))[0] === 'true';
    const [mine] = (await ours(name, 'sign', sk, context, msg, randomBytes(32))).map(bytes);
    toThem &&= dsa.verify(mine, msg, theirs.publicKey, { context });
    const [det] = (await ours(name, 'sign', sk, context, msg, new Uint8Array(32))).map(bytes);
    exact &&= same(det, dsa.sign(msg, theirs.secretKey, { context, extraEntropy: false }));
    const other = Uint8Array.from([...context, 1]);
    refused &&= (await ours(name, 'verify', pk, other, msg, sig))[1] === 'PQI_ERR_AUTH';
    refused &&= !dsa.verify(mine, msg, theirs.publicKey, { context: other });
  }
  ok(keys, `${name} the same seed gives the same keys`);
  ok(toUs, `${name} we verify what they sign`);
  ok(toThem, `${name} they verify what we sign`);
  ok(exact, `${name} deterministic signatures are identical`);
  ok(refused, `${name} both refuse another context`);
}
const falcons = [
  ['Falcon-512', 'compressed', 1, falcon512, falcon512padded, 666],
  ['Falcon-512', 'padded', 2, falcon512padded, falcon512, 666],
  ['Falcon-1024', 'compressed', 1, falcon1024, falcon1024padded, 1280],
  ['Falcon-1024', 'padded', 2, falcon1024padded, falcon1024, 1280],
];
for (const [name, form, format, falcon, other, padded] of falcons) {
  let keys = true, toUs = true, toThem = true, exact = true, refused = true;
  const f = [format];
  for (let i = 0; i < 3; i++) {
    const seed = randomBytes(48);
    const msg = randomBytes(50 + i);
    const theirs = falcon.keygen(seed);
    const [pk, sk] = (await ours(name, 'keygen', seed)).map(bytes);
    keys &&= same(pk, theirs.publicKey) && same(sk, theirs.secretKey);
    const sig = falcon.sign(msg, theirs.secretKey);
    toUs &&= (await ours(name, 'verify-raw', f, pk, msg, sig))[0] === 'true';
    const [mine] = (await ours(name, 'sign-raw', f, sk, msg, randomBytes(48))).map(bytes);
    toThem &&= falcon.verify(mine, msg, theirs.publicKey);
    const draws = [randomBytes(40), randomBytes(48)];
    const [seeded] = (await ours(name, 'sign-seeded', f, sk, msg, ...draws)).map(bytes);
    const random = () => Uint8Array.from(draws.shift());
    exact &&= same(seeded, falcon.sign(msg, theirs.secretKey, { random }));
    const bad = Uint8Array.from(mine);
    bad[41 + randomBytes(1)[0]] ^= 1;
    refused &&= (await ours(name, 'verify-raw', f, pk, msg, bad))[1] === 'PQI_ERR_AUTH';
    refused &&= verdict(falcon, bad, msg, pk) === false;
    // The last byte of an encoding is never 0, so one that fills the padded length needs no padding:
    // it is the same signature in both formats (of Falcon-1024, about one in thirty).
    const both = (s) => s.length === padded && s[padded - 1] !== 0;
    const [other1] = await ours(name, 'verify-raw', [3 - format], pk, msg, sig);
    refused &&= (other1 === 'true') === both(sig);
    refused &&= verdict(other, mine, msg, pk) === both(mine);
  }
  ok(keys, `${name} ${form}: the same seed gives the same keys`);
  ok(toUs, `${name} ${form}: we verify what they sign`);
  ok(toThem, `${name} ${form}: they verify what we sign`);
  ok(exact, `${name} ${form}: the same nonce and seed give the same signature`);
  ok(refused, `${name} ${form}: both refuse an altered signature and, unless it is the same bytes, the other format`);
}
console.log(`1..${n}`);
peer.stdin.end();
process.exit(failed ? 1 : 0);
