// All audits of GraphQL over HTTP by the package graphql-http: a line for each, and the number of those that failed as the exit code.
import { auditServer } from 'graphql-http';

const [url, token] = process.argv.slice(2);
const results = await auditServer({
  url,
  fetchFn: (input, init = {}) => fetch(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }),
});
for (const result of results) console.log(`${result.status} ${result.id} ${result.name}${result.reason ? ': ' + result.reason : ''}`);
process.exit(results.filter((result) => result.status !== 'ok').length);
