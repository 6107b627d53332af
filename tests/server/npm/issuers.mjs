// Token issuers by others: prints their address and a token as a line of JSON; 'rotate' on its input changes the key.
import http from 'node:http';
import readline from 'node:readline';
import { OAuth2Server } from 'oauth2-mock-server';
import Provider from 'oidc-provider';

const [kind, scope] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
const ask = async (url, headers, body) => (await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers }, body: new URLSearchParams(body) })).json()).access_token;

async function mock() {
  const server = new OAuth2Server();
  await server.issuer.keys.generate('RS256');
  await server.start(0, '127.0.0.1');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  server.issuer.url = issuer;
  server.service.on('beforeTokenSigning', (token) => Object.assign(token.payload, { aud: 'crdt', sub: 'mia', scope }));
  const token = () => ask(`${issuer}/token`, {}, { grant_type: 'client_credentials', scope });
  say({ issuer, token: await token() });
  readline.createInterface({ input: process.stdin }).on('line', async () => {
    const [old] = server.issuer.keys.toJSON();
    await server.issuer.keys.generate('ES256');
    const issued = await (async () => {
      for (;;) {
        const next = await token();
        if (JSON.parse(Buffer.from(next.split('.')[0], 'base64url')).kid !== old.kid) return next;
      }
    })();
    say({ issuer, token: issued });
  }).on('close', () => server.stop());
}

async function oidc() {
  const server = http.createServer((request, response) => provider.callback()(request, response));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'app', client_secret: 'a-secret-of-a-client', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:crdt',
        getResourceServerInfo: () => ({ scope, audience: 'crdt', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
      },
    },
  });
  const credentials = Buffer.from('app:a-secret-of-a-client').toString('base64');
  say({ issuer, token: await ask(`${issuer}/token`, { authorization: `Basic ${credentials}` }, { grant_type: 'client_credentials', scope, resource: 'urn:crdt' }) });
  process.stdin.on('end', () => server.close()).resume();
}

await (kind === 'mock' ? mock() : oidc());
