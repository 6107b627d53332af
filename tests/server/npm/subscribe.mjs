// Subscribes with the package graphql-ws, and prints every event as a line of JSON, until its input ends.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token, ...queries] = process.argv.slice(2);
const client = createClient({
  url, webSocketImpl: WebSocket, connectionParams: { accessToken: token }, retryAttempts: 0,
  on: { closed: (event) => console.log(JSON.stringify({ closed: event.code })) },
});
const once = client.iterate({ query: '{ space { name } }' });
console.log(JSON.stringify({ asked: (await once.next()).value.data.space.name }));
try {
  await client.iterate({ query: '{ nothing }' }).next();
} catch (errors) {
  console.log(JSON.stringify({ refused: errors[0].extensions.code }));
}
const stop = queries.map((query, at) => client.subscribe({ query }, {
  next: (result) => console.log(JSON.stringify({ at, ...result })),
  error: (error) => console.log(JSON.stringify({ at, error })),
  complete: () => console.log(JSON.stringify({ at, complete: true })),
}));
process.stdin.on('end', async () => {
  stop.forEach((one) => one());
  await client.dispose();
}).resume();
