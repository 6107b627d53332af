// One side of a meeting with other implementations of multicast DNS; what it sees it prints, a line of JSON each.
'use strict';
const [mode, name, port, id] = process.argv.slice(2);
const say = what => console.log(JSON.stringify(what));

if (mode === 'find' || mode === 'publish') {
  const { Bonjour } = require('bonjour-service');
  const bonjour = new Bonjour();
  if (mode === 'find') {
    const browser = bonjour.find({ type: 'crdt-sync' });
    const of = s => ({ name: s.name, port: s.port, addresses: s.addresses, txt: s.txt });
    browser.on('up', s => say({ up: of(s) }));
    browser.on('down', s => say({ down: of(s) }));
  } else {
    const service = bonjour.publish({ name, type: 'crdt-sync', port: Number(port), txt: { v: '1', id } });
    service.on('up', () => say({ published: name }));
    process.on('SIGTERM', () => bonjour.unpublishAll(() => bonjour.destroy(() => process.exit(0))));
  }
} else {
  const mdns = require('multicast-dns')();
  mdns.on('response', r => say({ response: r.answers.concat(r.additionals).map(a => ({ name: a.name, type: a.type, data: a.data })) }));
  mdns.on('ready', () => mdns.query([{ name: '_crdt-sync._tcp.local', type: 'PTR' }]));
}
