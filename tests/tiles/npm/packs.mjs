// What the reader of Protomaps says of a pack, and packs that are made with no code of ours.
//   node packs.mjs read PACK       → a line of header, one of metadata, one for each tile asked for on the input: Z/X/Y HEX
//   node packs.mjs write PACK      → a pack with leaf directories in Brotli and runs, read by that reader first
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { brotliCompressSync, brotliDecompressSync, gunzipSync } from 'node:zlib';
import { PMTiles, Compression, SharedPromiseCache, zxyToTileId } from 'pmtiles';

const [what, file] = process.argv.slice(2);

function open(bytes) {
  const decompress = async (data, how) => {
    const packed = Buffer.from(data);
    if (how === Compression.Gzip) return new Uint8Array(gunzipSync(packed)).buffer;
    if (how === Compression.Brotli) return new Uint8Array(brotliDecompressSync(packed)).buffer;
    return data;
  };
  const source = { getKey: () => file, getBytes: async (offset, length) => ({ data: new Uint8Array(bytes.subarray(offset, offset + length)).buffer }) };
  return new PMTiles(source, new SharedPromiseCache(100, true, decompress), decompress);
}

async function tile(pack, z, x, y) {
  const found = await pack.getZxy(z, x, y);
  return found ? Buffer.from(found.data).toString('hex') : 'none';
}

if (what === 'read') {
  const pack = open(readFileSync(file));
  const header = await pack.getHeader();
  console.log(JSON.stringify(header));
  console.log(JSON.stringify(await pack.getMetadata()));
  for await (const line of createInterface({ input: process.stdin })) {
    const [z, x, y] = line.split('/').map(Number);
    console.log(`${line} ${await tile(pack, z, x, y)}`);
  }
} else {
  const tiles = [];
  for (let z = 0; z <= 6; z++) {
    for (let x = 0; x < 1 << z; x++) {
      for (let y = 0; y < 1 << z; y++) if (z < 4 || (x + 2 * y) % 7) tiles.push({ id: zxyToTileId(z, x, y), kind: y < 1 << (z - 1) ? 0 : (x * 31 + y * 17 + z) % 61 });
    }
  }
  tiles.sort((a, b) => a.id - b.id);
  const kinds = [...new Set(tiles.map(t => t.kind))].map(kind => ({ kind, bytes: Buffer.from(`tile of kind ${kind}`) }));
  let at = 0;
  const places = new Map(kinds.map(({ kind, bytes }) => [kind, { offset: (at += bytes.length) - bytes.length, length: bytes.length }]));
  const entries = [];
  for (const { id, kind } of tiles) {
    const last = entries.at(-1);
    if (last && last.kind === kind && last.id + last.run === id) last.run++;
    else entries.push({ id, kind, run: 1, ...places.get(kind) });
  }
  const varint = n => { const out = []; for (; n >= 128; n = Math.floor(n / 128)) out.push((n % 128) + 128); out.push(n); return out; };
  const directory = list => brotliCompressSync(Buffer.from([varint(list.length), ...list.map((e, i) => varint(e.id - (i ? list[i - 1].id : 0))), ...list.map(e => varint(e.run)),
    ...list.map(e => varint(e.length)), ...list.map((e, i) => varint(i && e.offset === list[i - 1].offset + list[i - 1].length ? 0 : e.offset + 1))].flat()));
  const leaves = [], roots = [];
  for (let i = 0, offset = 0; i < entries.length; i += 500) {
    const leaf = directory(entries.slice(i, i + 500));
    roots.push({ id: entries[i].id, run: 0, offset, length: leaf.length });
    leaves.push(leaf);
    offset += leaf.length;
  }
  const root = directory(roots), meta = brotliCompressSync(Buffer.from(JSON.stringify({ name: 'made by others', vector_layers: [{ id: 'a', fields: {} }] })));
  const content = Buffer.concat(kinds.map(k => k.bytes)), leafBytes = Buffer.concat(leaves), header = Buffer.alloc(127);
  header.write('PMTiles');
  header[7] = 3;
  let offset = 127;
  // The tiles before the leaves and the metadata last: any order is allowed behind the root.
  for (const [place, part] of [[8, root], [56, content], [40, leafBytes], [24, meta]]) {
    header.writeBigUInt64LE(BigInt(offset), place);
    header.writeBigUInt64LE(BigInt(part.length), place + 8);
    offset += part.length;
  }
  [tiles.length, entries.length, kinds.length].forEach((n, i) => header.writeBigUInt64LE(BigInt(n), 72 + 8 * i));
  [header[97], header[98], header[99], header[100], header[101], header[118]] = [3, 1, 1, 0, 6, 2];
  [-180, -85, 180, 85].forEach((d, i) => header.writeInt32LE(d * 1e7, 102 + 4 * i));
  [10, 47].forEach((d, i) => header.writeInt32LE(d * 1e7, 119 + 4 * i));
  const bytes = Buffer.concat([header, root, content, leafBytes, meta]);
  const pack = open(bytes);
  for (const [z, x, y] of [[0, 0, 0], [6, 33, 41], [5, 3, 30]]) {
    const expected = tiles.find(t => t.id === zxyToTileId(z, x, y));
    const found = await tile(pack, z, x, y);
    if (found !== (expected ? Buffer.from(`tile of kind ${expected.kind}`).toString('hex') : 'none')) throw new Error(`${z}/${x}/${y} is ${found}`);
  }
  writeFileSync(file, bytes);
  console.log(`${tiles.length} tiles`);
}
