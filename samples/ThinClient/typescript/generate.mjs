// Types and documents for src/operations.graphql, from the server's schema: schema.graphql of this repository, or the file named.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { codegen } from '@graphql-codegen/core';
import * as operations from '@graphql-codegen/typescript-operations';
import * as documents from '@graphql-codegen/typed-document-node';
import { parse } from 'graphql';

const here = (path) => new URL(path, import.meta.url);
const schema = process.argv[2] ?? here('../../../src/Crdt.Server/schema.graphql');
const asked = here('src/operations.graphql');
const config = { useTypeImports: true, enumsAsTypes: true, scalars: { UUID: 'string', DateTime: 'string', JSON: 'unknown', Long: 'number' } };
const filename = here('src/generated/schema.ts');
await mkdir(here('src/generated/'), { recursive: true });
await writeFile(filename, await codegen({
  filename: filename.pathname,
  schema: parse(await readFile(schema, 'utf8')),
  documents: [{ location: asked.pathname, document: parse(await readFile(asked, 'utf8')) }],
  plugins: [{ operations: {} }, { documents: {} }],
  pluginMap: { operations, documents },
  config,
}));
