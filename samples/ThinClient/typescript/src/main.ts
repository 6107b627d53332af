// A day of a device without the library.  npm start -- ADDRESS SECRET OUTBOX
import { copyFileSync, renameSync } from 'node:fs';
import { Outbox } from './outbox.js';
import { ApiError, ThinClient } from './thin-client.js';

const [address, secret, file] = process.argv.slice(2);
if (!address || !secret || !file) throw new Error('main.js ADDRESS SECRET OUTBOX, e.g. http://127.0.0.1:8080 "$(cat DATA/keys/dev-client.secret)" outbox.json');
const say = (what: string, told: unknown) => console.log(JSON.stringify({ [what]: told }));

// The issuer for development; anywhere else the token comes from the issuer that the server believes.
let held: { token: string; until: number } | undefined;
async function token(): Promise<string> {
  if (held && held.until > Date.now()) return held.token;
  const response = await fetch(`${address}/connect/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'dev', client_secret: secret!, scope: 'offline:read:incident offline:write:incident' }),
  });
  if (!response.ok) throw new Error(`No token: ${await response.text()}`);
  const { access_token, expires_in } = await response.json() as { access_token: string; expires_in: number };
  held = { token: access_token, until: Date.now() + (expires_in - 30) * 1000 };
  return access_token;
}

const outbox = new Outbox(file);
const client = new ThinClient(address, token, outbox);
await client.register('tablet of the tower');

// Told of what becomes of its mutations, while it goes on.
let listening = () => {};
const isListening = new Promise<void>((resolve) => { listening = resolve; });
const told = (async () => {
  const synced = new Set<string>();
  for await (const change of client.watch(listening)) {
    if (change.status === 'SYNCED' && change.request_id) synced.add(change.request_id);
    if (synced.size === 2) break;
  }
  return synced;
})();
await isListening;

// Away from everything two things are done; they wait in the file.
const strike = { domain: 'incident', entity_type: 'strike', entity_id: `strike-${outbox.device}` };
const created = outbox.add({ type: 'CREATE', ...strike, payload: { species: 'kestrel', seen: { $increment: 1 } } });
outbox.add({ type: 'UPDATE', ...strike, payload: { tags: { $add: ['night'] }, seen: { $increment: 1 } } });
say('waiting', outbox.waiting.length);
copyFileSync(file, `${file}.before`);
say('sent', (await client.send()).map((result) => [result.sequence, result.is_repeated]));

// As if the battery had died before the answer: the file is as it was, and its mutations are sent again.
renameSync(`${file}.before`, file);
const kept = new Outbox(file), woken = new ThinClient(address, token, kept);
say('again', (await woken.send()).map((result) => [result.sequence, result.is_repeated]));
say('told', (await told).size);
say('status', await woken.status());
say('fate', (await woken.fate(created))?.status);

// What is done against the version that its user has seen is concurrent with what came in between.
const seen = await woken.read(strike.domain, strike.entity_type, strike.entity_id);
say('fields', seen?.fields);
kept.add({ type: 'UPDATE', ...strike, base_version: seen!.version, payload: { species: 'hobby' } });
await woken.send();
say('species', ((await woken.read(strike.domain, strike.entity_type, strike.entity_id))?.fields as { species: string }).species);

// What it may not do is told by a code, and stays in the file for its user to see.
kept.add({ type: 'CREATE', domain: 'payroll', entity_type: 'salary', entity_id: '1', payload: { amount: 1 } });
try {
  await woken.send();
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  say('refused', error.code);
}
