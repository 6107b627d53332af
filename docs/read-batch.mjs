// Batches of docs/wire-format.md (WF-2) as far as a proof needs them, with Node 20 alone: unpacks them, and tells what they are about.
import { brotliDecompressSync } from 'node:zlib';

export class NotReadable extends Error {}
export const need = (holds, what) => { if (!holds) throw new NotReadable(what); };

// The little of MessagePack that is needed: unsigned integers, strings, binaries, booleans, array headers.
export class Reader {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }
  take(n) { need(this.at + n <= this.bytes.length, 'it ends early'); return this.bytes.subarray(this.at, this.at += n); }
  u(n) { return Number(BigInt('0x' + this.take(n).toString('hex'))); }
  next() {
    const c = this.u(1);
    if (c < 0x80) return c;
    if (c >= 0x90 && c < 0xa0) return c & 15;
    if (c >= 0xa0 && c < 0xc0) return this.take(c & 31).toString('utf8');
    switch (c) {
      case 0xc2: case 0xc3: return c === 0xc3;
      case 0xc4: case 0xc5: case 0xc6: return this.take(this.u(1 << (c - 0xc4)));
      case 0xcc: case 0xcd: case 0xce: case 0xcf: return this.u(1 << (c - 0xcc));
      case 0xd9: case 0xda: return this.take(this.u(1 << (c - 0xd9))).toString('utf8');
      case 0xdc: case 0xdd: return this.u(2 << (c - 0xdc));
      default: throw new NotReadable(`the byte ${c} at ${this.at - 1} means nothing here`);
    }
  }
}

// Packed columns (WF-2.2): bits, the lowest of each byte first.
class Bits {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }
  bit() { need(this.at < 8 * this.bytes.length, 'it ends early'); return this.bytes[this.at >> 3] >> (this.at++ & 7) & 1; }
  read(n) { let v = 0; for (let i = 0; i < n; i++) v |= this.bit() << i; return v; }
  gamma() { let n = 0; while (!this.bit()) n++; need(n < 25, 'a number is too large'); return 1 << n | this.read(n); }
  take(n) { const at = (this.at + 7) >> 3; need(at + n <= this.bytes.length, 'it ends early'); this.at = 8 * (at + n); return this.bytes.subarray(at, at + n); }

  row(length) {
    if (length === 0) return Buffer.alloc(0);
    need(length < 1 << 20, 'a row is too long');
    switch (this.read(2)) {
      case 0: return Buffer.from(Array.from({ length }, () => this.read(8)));
      case 1: return Buffer.alloc(length, this.read(8));
      case 3: { const row = brotliDecompressSync(this.take(this.gamma()), { maxOutputLength: length }); need(row.length === length, 'a row is too short'); return row; }
    }
    const steps = this.bit() === 1, codes = this.code(), row = Buffer.alloc(length);
    for (let i = 0; i < length; i++) {
      let [code, bits] = [0, 0];
      do [code, bits] = [code << 1 | this.bit(), bits + 1]; while (bits < 11 && !codes.has(bits << 11 | code));
      need(codes.has(bits << 11 | code), 'a code means nothing');
      row[i] = codes.get(bits << 11 | code) + (steps && i > 0 ? row[i - 1] : 0);
    }
    return row;
  }

  code() {
    const symbols = []; for (let n = this.gamma() + 1, s = -1; n > 0; n--) symbols.push(s += this.gamma());
    const long = Math.ceil(Math.log2(symbols.length)), lengths = [];
    if (this.bit()) for (let i = 0; i < symbols.length; i++) lengths.push(i < (1 << long) - symbols.length ? long - 1 : long);
    else for (let l = this.read(4); lengths.push(l) < symbols.length;) if (this.bit()) l = this.bit() ? this.read(4) : l + (this.bit() ? -1 : 1);
    const codes = new Map();
    for (let bits = 1, code = 0; bits <= 11; bits++, code <<= 1) symbols.forEach((s, i) => { if (lengths[i] === bits) codes.set(bits << 11 | code++, s); });
    return codes;
  }
}

// Of a token's first byte: how many bytes its number takes, and what follows it: text, or other bytes, as many as the number says, or all of it but its last byte.
function shape(c) {
  if (c >= 0xa0 && c < 0xc0) return [0, 'text'];
  if (c >= 0xc4 && c < 0xc7) return [1 << (c - 0xc4), 'bytes'];
  if (c >= 0xc7 && c < 0xca) return [1 + (1 << (c - 0xc7)), 'extension'];
  if (c >= 0xca && c < 0xcc) return [4 << (c - 0xca)];
  if (c >= 0xcc && c < 0xd4) return [1 << (c & 3)];
  if (c >= 0xd4 && c < 0xd9) return [1 + (1 << (c - 0xd4))];
  if (c >= 0xd9 && c < 0xdc) return [1 << (c - 0xd9), 'text'];
  return [c >= 0xdc && c < 0xe0 ? 2 << (c & 1) : 0];
}

function unpack(packed, length) {
  const bits = new Bits(packed), plain = [];
  const total = rows => rows.reduce((sum, n) => sum + n, 0);
  for (let column = 0, before = 0, beforeThat = 0; column < 16; column++) {
    const tokens = bits.bit() ? before : bits.bit() ? beforeThat : bits.gamma() - 1;
    [beforeThat, before] = [before, tokens];
    const first = bits.row(tokens), shapes = Array.from(first, shape), sizes = shapes.map(([size]) => size);
    const rows = [1, 2].map(n => bits.row(sizes.filter(size => size >= n).length)), upper = bits.row(total(sizes.map(size => Math.max(size - 2, 0))));
    const at = [0, 0, 0];
    const tails = [], numbers = sizes.map((size, i) => {
      const number = Buffer.concat([upper.subarray(at[2], at[2] += Math.max(size - 2, 0)), size > 1 ? rows[1].subarray(at[1], ++at[1]) : Buffer.alloc(0), size > 0 ? rows[0].subarray(at[0], ++at[0]) : Buffer.alloc(0)]);
      const kind = shapes[i][1], told = kind === 'extension' ? number.subarray(0, -1) : number;
      tails.push(!kind ? 0 : size === 0 ? first[i] & 31 : parseInt(told.toString('hex'), 16));
      return number;
    });
    const rest = { text: bits.row(total(tails.filter((_, i) => shapes[i][1] === 'text'))) };
    rest.bytes = rest.extension = new Reader(bits.row(total(tails.filter((_, i) => shapes[i][1] && shapes[i][1] !== 'text'))));
    rest.text = new Reader(rest.text);
    numbers.forEach((number, i) => plain.push(first.subarray(i, i + 1), number, tails[i] ? rest[shapes[i][1]].take(tails[i]) : Buffer.alloc(0)));
  }
  const whole = Buffer.concat(plain);
  need(whole.length === length && (bits.at + 7) >> 3 === packed.length, 'a batch does not unpack to what it declares');
  return whole;
}

// A batch's columns (WF-2.1, WF-2.2), how many mutations it says that it holds (WF-2.3), and the entities that it names (WF-2.4 to 2.6).
export function columns(batch) {
  const header = batch[1] === 0xcd ? 4 : 6;
  const plain = batch[0] === 1 ? batch.subarray(1)
    : batch[0] === 2 ? brotliDecompressSync(batch.subarray(header), { maxOutputLength: 1 << 20 })
      : unpack(batch.subarray(header), new Reader(batch.subarray(1, header)).next());
  const reader = new Reader(plain), next = () => reader.next();
  const many = (n, item = next) => Array.from({ length: n }, item);
  const flags = next(), count = (next(), next());
  many(count);
  for (let m = 1; m < count; m++) if ((next() & 3) === 3) next();
  const added = many(count).filter(distance => distance === 0).length, typeOf = many(added);
  const types = many(new Set(typeOf).size, () => [next(), next(), flags & 8 ? next() : '']);
  const entities = typeOf.map(t => { const id = next(); return [types[t][0], types[t][1], typeof id === 'string' ? types[t][2] + id : uuid(id)].join('/'); });
  return { plain, role: flags & 3, count, entities };
}

const uuid = b => b.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
