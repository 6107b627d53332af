// Elements without a library. Text is always text: nothing that was written somewhere is ever read as HTML.

export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key in element && key !== 'list' && typeof value !== 'string') element[key] = value;
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const json = (value) => el('pre', {}, typeof value === 'string' ? value : JSON.stringify(value, null, 1));
export const short = (id) => (id ? id.slice(0, 8) : '');

export function time(text) {
  if (!text) return '';
  const at = new Date(text), seconds = (Date.now() - at) / 1000;
  const far = Math.abs(seconds), amount = far < 3600 ? `${Math.round(far / 60)} min` : `${Math.round(far / 3600)} h`;
  // By the clock of the device that wrote it, which may be ahead of this one.
  const ago = far < 60 ? 'just now' : far >= 86400 ? at.toLocaleDateString() : seconds > 0 ? `${amount} ago` : `in ${amount}`;
  return el('time', { datetime: text, title: at.toLocaleString() }, ago);
}

// A table that becomes cards on a phone.
export const table = (heads, rows, empty) => rows.length === 0 ? el('p', { class: 'dim' }, empty) : el('table', { class: 'rows' },
  el('thead', {}, el('tr', {}, heads.map((head) => el('th', { scope: 'col' }, head)))),
  el('tbody', {}, rows.map((cells) => el('tr', {}, cells.map((cell, at) => el('td', { 'data-label': heads[at] }, el('span', {}, cell)))))));

const kinds = { SYNCED: 'good', ACTIVE: 'good', PENDING: 'warn', INVITED: 'warn', CONFLICT: 'warn', FAILED: 'bad', REVOKED: 'bad', RETIRED: 'dim' };
export const tag = (status) => el('span', { class: `tag ${kinds[status] ?? 'dim'}` }, status.toLowerCase());

let hiding;
export function toast(message, isBad = false) {
  const box = document.getElementById('toast');
  box.textContent = message;
  box.className = isBad ? 'bad' : '';
  box.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { box.hidden = true; }, isBad ? 8000 : 4000);
}
