import { ask, beginDevice, content, pollDevice, renew, signIn, signOut, signedOut, subscribe, token } from './api.js';
import { el, json, short, table, tag, time, toast } from './dom.js';

const main = document.getElementById('main');
const sides = 'siblings { mutation_id value author device_id created_at synced_at role is_lost observed saw { value author } }';
const conflictFields = `id domain entity_type entity_id path kind status strategy visible created_at resolved_at ${sides}`;
let stop = null, drawn = 0;

const keyOf = (of) => `${of.domain}/${of.entity_type}/${of.entity_id}`;
const linkTo = (of) => el('a', { href: `#entity/${[of.domain, of.entity_type, of.entity_id].map(encodeURIComponent).join('/')}` }, keyOf(of));
const problem = (error) => toast(error.message, true);

// What people call their devices; whoever may not list them sees the beginnings of ids.
let names = new Map();
async function learnNames() {
  const { devices: all } = await ask('{ devices { id name owner is_this_server } }').catch(() => ({ devices: [] }));
  names = new Map(all.map((d) => [d.id, d.name ?? d.owner ?? (d.is_this_server ? 'this server' : null)]));
}
const deviceName = (id) => (names.get(id) ? `${names.get(id)} (${short(id)})` : short(id));

// ---- overview ----

async function overview() {
  const [{ syncStatus: status, waiting, refusals, space: { name } }, { space }] = await Promise.all([ask(`{
    syncStatus { mutations pending synced conflict failed oldest_pending_at } space { name }
    waiting: conflicts(first: 200) { nodes { id } } refusals(first: 200) { nodes { mutation_id } } }`), ask(`{
    space { audit { at written unaccounted } peers { address node_id is_connected is_in_sync bytes_sent bytes_received to_send to_receive attempts last_error next_attempt_at last_success_at
      lane { hold attachments_hold is_held carries_attachments } }
      clock_skews { device_id offset_ms measured_at } divergences { device_id noticed_at entities } } }`)
    // A token for a part of the space sees that part, and nothing of everybody's devices.
    .catch(() => ({ space: { audit: null, peers: null, clock_skews: [], divergences: [] } })), learnNames()]);
  document.getElementById('space').textContent = name;
  document.title = `${name} · crdt`;
  const tile = (count, label, kind) => el('div', { class: 'card tile' }, el('b', { class: count > 0 ? kind : '' }, String(count)), el('span', {}, label));
  return [
    el('h1', {}, name),
    space.divergences.map((d) => el('div', { class: 'card alarm', role: 'alert' },
      el('b', { class: 'bad' }, 'Divergence'), ` device ${deviceName(d.device_id)} holds the same mutations and another state, noticed `, time(d.noticed_at), '. ',
      (d.entities ?? []).slice(0, 5).join(', '))),
    space.clock_skews.filter((s) => Math.abs(s.offset_ms) > 60_000).map((s) => el('div', { class: 'card alarm', role: 'alert' },
      el('b', { class: 'warn' }, 'Clock skew'), ` the clock of device ${deviceName(s.device_id)} is ${Math.round(Math.abs(s.offset_ms) / 1000)} s ${s.offset_ms > 0 ? 'ahead' : 'behind'}, measured `,
      time(s.measured_at), '.')),
    space.audit?.unaccounted > 0 ? el('div', { class: 'card alarm', role: 'alert' },
      el('b', { class: 'bad' }, 'Unaccounted for'), ` ${space.audit.unaccounted} of ${space.audit.written} values that were written, found `, time(space.audit.at), '.') : null,
    el('div', { class: 'tiles' }, tile(status.mutations, 'mutations', ''), tile(status.pending, 'pending', 'warn'), tile(waiting.nodes.length, 'open conflicts', 'warn'),
      tile(refusals.nodes.length, 'refused, undecided', 'bad')),
    status.oldest_pending_at ? el('p', { class: 'dim' }, 'The oldest pending one was made ', time(status.oldest_pending_at), '.') : null,
    space.audit?.unaccounted === 0 ? el('p', { class: 'dim' }, `All ${space.audit.written} values that were written are accounted for, `, time(space.audit.at), '.') : null,
    space.peers && el('h2', {}, 'Peers'),
    space.peers && el('div', { class: 'card' }, table(['peer', 'state', 'to send', 'to receive', 'traffic', 'last error', ''], space.peers.map((p) => [
      `${deviceName(p.node_id)} ${p.address}`,
      p.is_connected ? el('span', {}, p.lane && p.lane.hold !== 'NONE' ? el('span', { class: 'tag dim' }, rests[p.lane.hold])
        : el('span', { class: `tag ${p.is_in_sync ? 'good' : 'warn'}` }, p.is_in_sync ? 'in sync' : 'exchanging'),
      p.lane && p.lane.hold === 'NONE' && p.lane.attachments_hold !== 'NONE' ? el('span', { class: 'dim' }, ' without attachments') : null)
        : el('span', {}, el('span', { class: 'tag dim' }, 'away'), ' ', time(p.last_success_at)),
      String(p.to_send ?? ''), String(p.to_receive ?? ''), p.is_connected ? `${kib(p.bytes_sent)} out, ${kib(p.bytes_received)} in` : '',
      p.attempts > 0 ? el('span', { class: 'bad' }, `${p.last_error} (${p.attempts} attempts)`) : '',
      p.lane ? el('span', { class: 'actions' }, steering(p)) : '',
    ]), 'No peer has been met yet.')),
  ];
}

// Why the space rests on a connection.
const rests = { HERE: 'rests', PEER: 'rests there', BYTES: 'bytes spent', TIME: 'time spent', BATTERY: 'battery low', PEER_BUDGET: 'spent there' };

// What an administrator does with one peer: it holds for the connection there is and for the next ones.
function steering(peer) {
  const steer = (wish, told) => async () => {
    try {
      await ask('mutation($node: UUID!, $held: Boolean, $attachments: Boolean) { steerPeer(node: $node, isHeld: $held, carriesAttachments: $attachments) { address } }', { node: peer.node_id, ...wish });
      toast(told);
      await draw();
      main.focus();
    } catch (error) { problem(error); }
  };
  const { is_held: held, carries_attachments: carries } = peer.lane;
  return [held ? el('button', { class: 'quiet', onclick: steer({ held: false }, 'It goes on.') }, 'Go on')
    : el('button', { class: 'quiet', onclick: steer({ held: true }, 'It rests until it is told to go on.') }, 'Let rest'),
  carries ? el('button', { class: 'quiet', onclick: steer({ attachments: false }, 'No attachments travel.') }, 'No attachments')
    : el('button', { class: 'quiet', onclick: steer({ attachments: true }, 'Attachments travel again.') }, 'Attachments too')];
}

const kib = (bytes) => bytes < 1024 ? `${bytes} B` : `${Math.round(bytes / 1024)} KiB`;

// ---- devices ----

async function devices() {
  const { devices: all } = await ask(`{ devices { id kind role state name owner is_this_server is_connected last_seen_at
    queue { mutations pending synced conflict failed oldest_pending_at } } }`);
  return [el('h1', {}, 'Devices'), el('div', { class: 'card' }, table(['device', 'state', 'wrote', 'pending', 'in conflict', 'refused', 'seen'], all.map((d) => [
    el('span', {}, el('a', { href: `#queue/${d.id}` }, d.name ?? d.owner ?? short(d.id)), el('span', { class: 'dim' }, ` ${d.is_this_server ? 'this server' : `${d.kind.toLowerCase()}, ${d.role.toLowerCase()}`} ${short(d.id)}`)),
    el('span', {}, tag(d.state), d.is_connected ? ' connected' : ''), String(d.queue?.mutations ?? 0),
    d.queue?.pending ? el('span', { class: 'warn' }, `${d.queue.pending}, since `, time(d.queue.oldest_pending_at)) : '0',
    String(d.queue?.conflict ?? 0), String(d.queue?.failed ?? 0), time(d.last_seen_at),
  ]), 'No device takes part yet.'))];
}

// ---- queue ----

async function queue(device) {
  const filter = { ...(device ? { device_id: device } : {}) };
  const form = el('form', { class: 'filters', onsubmit: (event) => event.preventDefault(), onchange: () => load() },
    el('label', {}, 'Status', el('select', { name: 'status' }, ['', 'PENDING', 'SYNCED', 'CONFLICT', 'FAILED'].map((s) => el('option', { value: s }, s.toLowerCase() || 'any')))),
    el('label', {}, 'Domain', el('input', { name: 'domain', autocomplete: 'off' })), el('label', {}, 'Author', el('input', { name: 'author', autocomplete: 'off' })));
  const list = el('div', {}), more = el('button', { class: 'quiet', hidden: true, onclick: () => load(more.dataset.after) }, 'Older ones');
  const rows = [];
  async function load(after) {
    const asked = { ...filter, ...Object.fromEntries([...new FormData(form)].filter(([, value]) => value)) };
    const { mutations: page } = await ask(`query($filter: MutationsFilter, $after: String) { mutations(filter: $filter, first: 50, after: $after) {
      nodes { id type status domain entity_type entity_id author device_id created_at synced_at payload attempts last_error } pageInfo { hasNextPage endCursor } } }`,
    { filter: asked, after: after ?? null });
    if (!after) rows.length = 0;
    rows.push(...page.nodes.map((m) => [
      el('span', {}, `${m.type.toLowerCase()} `, linkTo(m)), el('span', {}, tag(m.status), m.attempts ? el('span', { class: 'dim' }, ` ${m.attempts} attempts: ${m.last_error}`) : ''),
      `${m.author ?? ''} on ${deviceName(m.device_id)}`, time(m.created_at), el('details', {}, el('summary', {}, 'what'), json(m.payload)),
      m.status === 'SYNCED' ? '' : el('button', { class: 'quiet', onclick: () => why(m.id).catch(problem) }, 'Why?'),
    ]));
    list.replaceChildren(table(['mutation', 'status', 'by', 'made', 'payload', ''], rows, 'There is none of that kind.'));
    more.hidden = !page.pageInfo.hasNextPage;
    more.dataset.after = page.pageInfo.endCursor ?? '';
  }
  form.addEventListener('change', () => load().catch(problem));
  await load();
  return [el('h1', {}, device ? `Queue of ${short(device)}` : 'Queue'), form, el('div', { class: 'card' }, list, el('div', { class: 'actions' }, more))];
}

async function why(id) {
  const { why: found } = await ask('query($id: UUID!) { why(mutation: $id) { reason next since who } }', { id });
  toast(`${found.reason} ${found.next}`);
}

// ---- conflicts ----

async function conflicts() {
  const { conflicts: page } = await ask(`{ conflicts(first: 50) { nodes { ${conflictFields} } pageInfo { hasNextPage } } }`);
  const { settled } = await ask('{ settled: conflicts(status: RESOLVED, first: 10) { nodes { id domain entity_type entity_id path visible resolved_at resolution { author } } } }');
  count(page.nodes.length);
  return [
    el('h1', {}, 'Conflicts'),
    page.nodes.length === 0 ? el('p', { class: 'dim' }, 'Nothing waits for a person.') : page.nodes.map(conflictCard),
    page.pageInfo.hasNextPage ? el('p', { class: 'dim' }, 'There are more: they come up when these are settled.') : null,
    el('h2', {}, 'Settled lately'),
    el('div', { class: 'card' }, table(['field', 'stands', 'by', 'when'], settled.nodes.map((c) => [el('span', {}, linkTo(c), ` ${c.path}`), json(c.visible), c.resolution.author ?? '', time(c.resolved_at)]), 'None yet.')),
  ];
}

function conflictCard(conflict) {
  const seen = conflict.siblings.map((s) => s.mutation_id);
  const settle = async (choice) => {
    try {
      await ask(`mutation($id: ID!, $strategy: ConflictStrategy, $sibling: UUID, $value: JSON, $seen: [UUID!]) {
        resolveConflict(id: $id, strategy: $strategy, sibling: $sibling, value: $value, seen: $seen) { status } }`, { id: conflict.id, seen, ...choice });
      toast('Settled.');
      await draw();
      main.focus();
    } catch (error) { problem(error); }
  };
  const canMerge = conflict.kind === 'VALUES' && conflict.siblings.every((s) => s.value !== null && typeof s.value === 'object' && !Array.isArray(s.value));
  const editor = el('form', { class: 'wide', onsubmit: (event) => {
    event.preventDefault();
    let value;
    try { value = JSON.parse(editor.elements.value.value); } catch { toast('That is no JSON: a text stands in quotation marks.', true); return; }
    settle({ value });
  } }, el('label', {}, 'What shall stand, as JSON', el('textarea', { name: 'value' }, JSON.stringify(conflict.visible, null, 1))), el('button', {}, 'Let this stand'));
  return el('section', { class: 'card', 'data-conflict': keyOf(conflict), 'aria-label': `Conflict in ${conflict.path} of ${keyOf(conflict)}` },
    el('div', {}, el('b', {}, conflict.path || 'existence'), ' of ', linkTo(conflict), el('span', { class: 'dim' }, ' since ', time(conflict.created_at))),
    el('div', { class: 'sides' }, conflict.siblings.map((side, at) => el('div', { class: `side ${at === 0 ? 'read' : ''}` },
      json(side.value),
      el('dl', {}, el('dt', {}, 'by'), el('dd', {}, side.author ?? 'nobody named'), el('dt', {}, 'on'), el('dd', {}, deviceName(side.device_id)),
        el('dt', {}, 'made'), el('dd', {}, time(side.created_at)), el('dt', {}, 'synced'), el('dd', {}, time(side.synced_at) || 'not yet'),
        el('dt', {}, 'had seen'), el('dd', {}, side.saw.length ? side.saw.map((s) => el('div', {}, `${JSON.stringify(s.value)}${s.author ? ` by ${s.author}` : ''}`)) : 'no earlier value')),
      el('div', { class: 'actions' }, el('button', { onclick: () => settle({ sibling: side.mutation_id }) }, 'Accept'), at === 0 ? el('span', { class: 'dim' }, 'read now') : null)))),
    el('div', { class: 'actions' }, canMerge ? el('button', { class: 'quiet', onclick: () => settle({ strategy: 'MERGE' }) }, 'Merge') : null, unfold('Edit', editor)));
}

function count(open) {
  const badge = document.getElementById('conflict-count');
  badge.textContent = String(open);
  badge.hidden = open === 0;
}

// ---- refused ----

async function refused() {
  const { refusals } = await ask(`{ refusals(first: 50) { nodes { mutation_id author device_id code reason refused_at handling assignee
    work { domain entity_type entity_id path value type } } } }`);
  const act = (query, id, told, more = {}) => async () => {
    try {
      await ask(query, { id, ...more });
      toast(told);
      await draw();
      main.focus();
    } catch (error) { problem(error); }
  };
  return [el('h1', {}, 'Refused work'), refusals.nodes.length === 0 ? el('p', { class: 'dim' }, 'Nothing waits for a decision.') : refusals.nodes.map((r) => el('section', { class: 'card' },
    el('div', {}, el('b', {}, r.reason), el('span', { class: 'dim' }, ` ${r.author ?? 'nobody named'} on ${deviceName(r.device_id)}, refused `, time(r.refused_at), r.assignee ? `, given to ${r.assignee}` : '')),
    table(['entity', 'field', 'value'], r.work.filter((w) => w.path || r.work.every((o) => !o.path || keyOf(o) !== keyOf(w))).map((w) => [el('span', {}, `${w.type.toLowerCase()} `, linkTo(w)), w.path, w.path && w.value !== null ? json(w.value) : '']), 'Its values are in the log alone.'),
    el('div', { class: 'actions' },
      el('button', { onclick: act('mutation($id: UUID!) { retry(mutation: $id) { id } }', r.mutation_id, 'Sent again.') }, 'Send again'),
      unfold('Edit', editForm(r, act)), unfold('Give to somebody', assignForm(r, act)),
      el('button', { class: 'quiet', onclick: act('mutation($id: UUID!) { discard(mutation: $id) { handling } }', r.mutation_id, 'Given up; it stays in the log.') }, 'Give up'))))];
}

// A button, and what it shows and hides.
function unfold(label, form) {
  form.hidden = true;
  const button = el('button', { class: 'quiet', 'aria-expanded': 'false', onclick: () => {
    form.hidden = !form.hidden;
    button.setAttribute('aria-expanded', String(!form.hidden));
    if (!form.hidden) form.querySelector('input, textarea').focus();
  } }, label);
  return [button, form];
}

// What was meant for each entity, to be changed and sent again.
function editForm(refusal, act) {
  const entities = [...new Map(refusal.work.map((w) => [keyOf(w), w])).values()];
  const meant = (of) => Object.fromEntries(refusal.work.filter((w) => keyOf(w) === keyOf(of) && w.path && !/[/[~]/.test(w.path) && w.value !== null).map((w) => [w.path, w.value]));
  const form = el('form', { class: 'wide', onsubmit: (event) => {
    event.preventDefault();
    try {
      const changes = entities.map((of, at) => ({ domain: of.domain, entity_type: of.entity_type, entity_id: of.entity_id, payload: JSON.parse(form.elements[`e${at}`].value) }));
      act('mutation($id: UUID!, $changes: [ChangeInput!]!) { editAndResubmit(mutation: $id, changes: $changes) { id } }', refusal.mutation_id, 'Sent again with changes.', { changes })();
    } catch { toast('That is no JSON: a text stands in quotation marks.', true); }
  } }, entities.map((of, at) => el('label', {}, `What shall be written to ${keyOf(of)}, as JSON`, el('textarea', { name: `e${at}` }, JSON.stringify(meant(of), null, 1)))), el('button', {}, 'Send this'));
  return form;
}

function assignForm(refusal, act) {
  const form = el('form', { class: 'wide', onsubmit: (event) => {
    event.preventDefault();
    const assignee = form.elements.assignee.value.trim();
    act('mutation($id: UUID!, $assignee: String!) { reassign(mutation: $id, assignee: $assignee) { assignee } }', refusal.mutation_id, `Given to ${assignee}.`, { assignee })();
  } }, el('label', {}, 'Who shall decide', el('input', { name: 'assignee', required: true, maxlength: 100, autocomplete: 'off' })), el('button', {}, 'Give'));
  return form;
}

// ---- attachments ----

const attachmentsIn = (value, path = '') => {
  if (value === null || typeof value !== 'object') return [];
  if (typeof value.$blob?.root === 'string') return [{ path, ...value.$blob }];
  return Object.entries(value).flatMap(([name, member]) => attachmentsIn(member, path ? `${path}/${name}` : name));
};

// Pictures that a browser draws and cannot run, as large as a page bears.
const isPicture = (blob) => /^image\/(jpeg|png|gif|webp|avif)$/.test(blob.media_type) && blob.size <= 8 << 20;
const bytes = (count) => count < 10_000 ? `${count} B` : count < 10_000_000 ? `${Math.round(count / 1000)} kB` : `${(count / 1e6).toFixed(1)} MB`;

async function save(blob) {
  const url = await content(blob.root);
  el('a', { href: url, download: blob.name || blob.root.slice(0, 12) }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function attachmentCard(blob, standing) {
  const label = blob.name || blob.root.slice(0, 12), isHere = standing?.standing === 'HERE';
  const image = isHere && isPicture(blob) ? el('img', { class: 'thumbnail', alt: label, hidden: true }) : null;
  if (image) {
    image.onload = () => { URL.revokeObjectURL(image.src); image.hidden = false; };
    content(blob.root).then((url) => { image.src = url; }).catch(() => {});
  }
  return el('figure', { class: 'attachment' }, image, el('figcaption', {},
    isHere ? el('button', { class: 'quiet', 'aria-label': `Save ${label}`, onclick: () => save(blob).catch(problem) }, label) : el('b', {}, label),
    el('span', { class: 'dim' }, ` ${blob.path}, ${blob.media_type}, ${bytes(blob.size)} `),
    isHere ? null : el('span', { class: 'tag warn', title: standing?.explanation ?? '' }, (standing?.standing ?? 'unknown').toLowerCase().replace('_', ' '))));
}

async function attachments(fields) {
  const found = attachmentsIn(fields).slice(0, 50);
  if (found.length === 0) return null;
  const roots = [...new Set(found.map((b) => b.root))].filter((root) => /^[0-9a-f]{64}$/.test(root));
  const states = await ask(`{ ${roots.map((root, at) => `b${at}: blob(root: "${root}") { root standing explanation }`).join(' ')} }`);
  const byRoot = new Map(Object.values(states).filter(Boolean).map((s) => [s.root, s]));
  return [el('h2', {}, 'Attachments'), el('div', { class: 'card attachments' }, found.map((b) => attachmentCard(b, byRoot.get(b.root))))];
}

// ---- one entity ----

async function entity(domain, type, id) {
  const { entity: found } = await ask(`query($domain: String!, $type: String!, $id: String!) { entity(domain: $domain, entityType: $type, entityId: $id) {
    exists fields created_at updated_at conflicts { ${conflictFields} }
    history(first: 100) { nodes { created_at annotation mutation { type author device_id status } changes { path written { value } replaced { value author } } } pageInfo { hasNextPage } } } }`,
  { domain, type, id });
  if (!found) return [el('h1', {}, `${domain}/${type}/${id}`), el('p', {}, 'Nothing is known of it.')];
  return [
    el('h1', {}, `${domain}/${type}/${id} `, found.exists ? null : el('span', { class: 'tag bad' }, 'deleted')),
    el('p', { class: 'dim' }, 'made ', time(found.created_at), ', changed ', time(found.updated_at)),
    el('div', { class: 'card' }, json(found.fields)),
    await attachments(found.fields),
    found.conflicts.filter((c) => c.status === 'OPEN').map(conflictCard),
    el('h2', {}, 'History'),
    el('div', { class: 'card' }, table(['when', 'by', 'what', 'before'], found.history.nodes.map((h) => [
      time(h.created_at), h.mutation ? `${h.mutation.author ?? ''} on ${deviceName(h.mutation.device_id)}` : 'a server',
      el('span', {}, `${(h.mutation?.type ?? h.annotation ?? 'snapshot').toLowerCase()} `, h.changes.filter((c) => c.path).map((c) => el('div', {}, `${c.path}: `, c.written ? JSON.stringify(c.written.value) : 'removed'))),
      h.changes.filter((c) => c.path).map((c) => el('div', {}, c.replaced.map((r) => JSON.stringify(r.value)).join(', '))),
    ]), 'The log holds nothing of it any more.')),
  ];
}

// ---- signing in ----

async function welcome() {
  const asked = await beginDevice().catch(() => ({ ok: false }));
  const byToken = el('form', { class: 'card', onsubmit: (event) => { event.preventDefault(); signIn(byToken.elements.token.value.trim()); begin(); } },
    el('label', {}, 'Access token', el('textarea', { name: 'token', required: true, autocomplete: 'off' })), el('button', {}, 'Use this token'));
  if (!asked.ok) return [el('div', { class: 'narrow' }, el('h1', {}, 'Sign in'), el('p', { class: 'dim' }, 'A token of the issuer that this server believes, with offline:read.'), byToken)];
  poll(asked.body.device_code, (asked.body.interval ?? 5) * 1000);
  return [el('div', { class: 'narrow' }, el('h1', {}, 'Sign in'),
    el('div', { class: 'card' }, el('p', {}, 'Approve the code ', el('b', {}, asked.body.user_code), '; this page goes on by itself.'),
      el('p', {}, el('a', { href: asked.body.verification_uri_complete ?? `/connect/verify?user_code=${encodeURIComponent(asked.body.user_code)}`, target: '_blank', rel: 'noopener' }, 'Approve'))),
    el('details', {}, el('summary', {}, 'With a token'), byToken))];
}

async function poll(code, interval) {
  for (let next = 1000; !token(); next = interval) {
    await new Promise((done) => setTimeout(done, Math.min(next, 2000)));
    if (token()) return;
    const { ok, body } = await pollDevice(code).catch(() => ({ body: { error: 'slow_down' } }));
    if (ok) { signIn(body.access_token, body.refresh_token); begin(); return; }
    if (!['authorization_pending', 'slow_down'].includes(body.error)) return;
  }
}

// ---- the page ----

const pages = { overview, devices, queue, conflicts, refused, entity };

async function draw() {
  const turn = ++drawn;
  const [name, ...parts] = (location.hash.slice(1) || 'overview').split('/').map(decodeURIComponent);
  document.querySelectorAll('nav a').forEach((a) => { if (a.hash === `#${name}`) a.setAttribute('aria-current', 'page'); else a.removeAttribute('aria-current'); });
  document.getElementById('sign-out').hidden = !token();
  try {
    const content = await (token() ? (pages[name] ?? overview)(...parts) : welcome());
    if (turn === drawn) main.replaceChildren(...content.flat(3).filter(Boolean));
  } catch (error) {
    if (turn === drawn && token()) main.replaceChildren(el('div', { class: 'card alarm', role: 'alert' }, error.message));
  }
}

// What is being typed is not redrawn under somebody's hands.
const isBusy = () => main.contains(document.activeElement) && ['INPUT', 'TEXTAREA', 'SELECT'].includes(document.activeElement.tagName);
let pending;
function changed() {
  clearTimeout(pending);
  pending = setTimeout(async () => {
    if (isBusy() || location.hash.startsWith('#queue')) return;
    const at = document.activeElement?.textContent, scroll = window.scrollY, wasIn = main.contains(document.activeElement);
    await draw();
    window.scrollTo(0, scroll);
    if (wasIn) [...main.querySelectorAll('button, a')].find((e) => e.textContent === at)?.focus();
  }, 300);
}

async function refreshCount() {
  const { conflicts: open } = await ask('{ conflicts(first: 200) { nodes { id } } }');
  count(open.nodes.length);
}

function begin() {
  stop?.();
  stop = subscribe({
    status: 'subscription { statusChanged { id } }',
    conflicts: 'subscription { conflictChanged { id } }',
  }, (id) => {
    if (id === 'conflicts') refreshCount().catch(() => {});
    changed();
  }, (isLive) => {
    const live = document.getElementById('live');
    live.textContent = isLive ? 'live' : 'not connected';
    live.classList.toggle('on', isLive);
    if (isLive) { refreshCount().catch(() => {}); changed(); }
  });
  draw();
}

signedOut(() => { stop?.(); stop = null; draw(); });
document.getElementById('sign-out').addEventListener('click', signOut);
addEventListener('hashchange', () => draw().then(() => main.focus({ preventScroll: true })));
if (token() || await renew()) begin();
else draw();
