// The public GraphQL interface, as any other client uses it: requests over HTTP, subscriptions over graphql-transport-ws.

const storage = sessionStorage;
let onSignedOut = () => {};

export const token = () => storage.getItem('token');
export const signedOut = (handler) => { onSignedOut = handler; };

export function signIn(access, refresh) {
  storage.setItem('token', access);
  if (refresh) storage.setItem('refresh', refresh);
}

export function signOut() {
  storage.removeItem('token');
  storage.removeItem('refresh');
  onSignedOut();
}

const form = async (path, fields) => {
  const response = await fetch(path, { method: 'POST', body: new URLSearchParams(fields) });
  return { ok: response.ok, status: response.status, body: await response.json().catch(() => ({})) };
};

// Another token by the refresh token, where the issuer for development gave one.
let renewing = null;
export function renew() {
  const refresh = storage.getItem('refresh');
  if (!refresh) return Promise.resolve(false);
  renewing ??= form('/connect/token', { grant_type: 'refresh_token', client_id: 'dashboard', refresh_token: refresh })
    .then(({ ok, body }) => { if (ok) signIn(body.access_token, body.refresh_token); return ok; })
    .catch(() => false)
    .finally(() => { renewing = null; });
  return renewing;
}

// A device code (RFC 8628), where this server brings an issuer along.
export const beginDevice = () => form('/connect/device', { client_id: 'dashboard', scope: 'offline_access' });
export const pollDevice = (code) => form('/connect/token',
  { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'dashboard', device_code: code });

export async function ask(query, variables, isAgain = false) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', authorization: `Bearer ${token()}` },
    body: JSON.stringify({ query, variables }),
  });
  if (response.status === 401) {
    if (!isAgain && await renew()) return ask(query, variables, true);
    signOut();
    throw new Error('Signed out: the token is not valid any more.');
  }
  const { data, errors } = await response.json();
  if (errors) throw Object.assign(new Error(errors[0].message), { code: errors[0].extensions?.code });
  return data;
}

// The content of an attachment, as an address that holds within this page alone.
export async function content(root, isAgain = false) {
  const response = await fetch(`/blobs/${root}`, { headers: { authorization: `Bearer ${token()}` } });
  if (response.status === 401 && !isAgain && await renew()) return content(root, true);
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).errors?.[0]?.message ?? `The server answered ${response.status}.`);
  return URL.createObjectURL(await response.blob());
}

// Subscribes until closed: after a loss it connects again, with growing waits, and says so by `onState`.
export function subscribe(queries, onEvent, onState) {
  let socket, timer, wait = 500, isClosed = false;
  const connect = () => {
    socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`, 'graphql-transport-ws');
    const send = (message) => socket.send(JSON.stringify(message));
    socket.onopen = () => send({ type: 'connection_init', payload: { accessToken: token() } });
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'connection_ack') {
        wait = 500;
        Object.entries(queries).forEach(([id, query]) => send({ id, type: 'subscribe', payload: { query } }));
        onState(true);
      } else if (message.type === 'ping') send({ type: 'pong' });
      else if (message.type === 'next' && message.payload.data) onEvent(message.id, message.payload.data);
    };
    socket.onclose = async ({ code }) => {
      onState(false);
      if (isClosed) return;
      if (code === 4403 && !await renew()) { signOut(); return; }
      timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, 15_000);
    };
  };
  connect();
  return () => { isClosed = true; clearTimeout(timer); socket.close(1000); };
}
