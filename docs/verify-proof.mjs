// Checks a proof that `crdt export --proof` made (docs/proof-format.md), with Node 20 and read-batch.mjs alone:
//   node verify-proof.mjs FILE SPACE-ID-OR-AUTHORITY-KEY-IN-HEX
// Exit code 0: it holds; 1: it does not, and why.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Reader, columns, need, NotReadable } from './read-batch.mjs';

const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const u64 = n => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; };
const bin = b => Buffer.concat([Buffer.from([0xc4, b.length]), b]);
const text = s => Buffer.from(s, 'utf8');

function signed(key, tag, space, id, signature, ...parts) {
  const jwk = { kty: 'EC', crv: 'P-256', x: key.subarray(1, 33).toString('base64url'), y: key.subarray(33).toString('base64url') };
  const data = Buffer.concat([text(`crdt/1 ${tag}\0`), space, id, ...parts]);
  return verify('sha256', data, { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, signature);
}

function check(file, trusted) {
  need(file.length > 34 && sha256(file.subarray(0, -34)).equals(file.subarray(-32)) && file.at(-34) === 0xc4 && file.at(-33) === 32, 'it is no proof, or damaged');
  const r = new Reader(file.subarray(0, -34)), next = () => r.next();
  need(next() === 'crdt-proof' && next() === 1, 'it is no proof of format 1');
  const [space, scheme, authority, key, genesis] = [next(), next(), next(), next(), next()];
  const founding = columns(genesis).plain;
  need(scheme === 'ecdsa-p256-sha256' && sha256(sha256(authority), sha256(genesis)).equals(space), 'the founding is not that of the space');
  need(founding.includes(bin(key)), 'the founding does not name this authority');
  need([space, key].some(k => k.toString('hex') === trusted.toLowerCase()), 'it is of another space or authority than the one that is trusted');
  const entity = [next(), next(), next()].join('/');
  const missing = []; for (let n = next(); n > 0; n -= 2) missing.push([next(), next()]);
  const shown = [];
  for (let authors = next(); authors > 0; authors--) {
    const [enrolled, role, owner, nodeKey, certificate] = [next(), next(), next(), next(), next()];
    const certified = certificate.length === 0 ? founding.includes(bin(nodeKey))
      : signed(key, 'enrolment', space, enrolled, certificate, Buffer.from([role, text(owner).length]), text(owner), nodeKey);
    need(certified, `the key of ${enrolled.toString('hex')} is not certified by the authority`);
    for (let runs = next(); runs > 0; runs--) {
      const [author, first, before, beforeSignature, last, signature] = [next(), next(), next(), next(), next(), next()];
      const begins = first === 1 ? before.equals(sha256(author)) : signed(nodeKey, 'head', space, author, beforeSignature, u64(first - 1), before);
      need(begins, `what comes before mutation ${first} of ${author.toString('hex')} is not signed`);
      let [hash, at] = [before, first];
      for (let batches = next(); batches > 0; batches--) {
        const [count, bytes, isWhole] = [next(), next(), next()];
        need(typeof isWhole === 'boolean', 'it does not say whether a batch is whole');
        if (isWhole) {
          const batch = columns(bytes);
          need(batch.count === count && (batch.role === 0 || batch.role === role), 'a batch has another number of mutations, or another role, than told');
          need(batch.entities.includes(entity), 'a batch is not about the entity');
          shown.push(`${author.toString('hex')} ${at}-${at + count - 1} signed by ${owner || 'nobody named'}`);
        }
        hash = sha256(hash, isWhole ? sha256(bytes) : bytes);
        at += count;
      }
      need(at === last + 1 && signed(nodeKey, 'head', space, author, signature, u64(last), hash), `mutations ${first} to ${last} of ${author.toString('hex')} are not what it has signed`);
    }
  }
  need(r.at === file.length - 34 && shown.length > 0, 'it shows nothing, or there is more behind it');
  return { entity, isWhole: missing.length === 0, shown };
}

try {
  console.log(JSON.stringify(check(readFileSync(process.argv[2]), process.argv[3] ?? '')));
} catch (e) {
  console.error(`Not proved: ${e instanceof NotReadable ? e.message : `it cannot be read (${e.message})`}`);
  process.exit(1);
}
