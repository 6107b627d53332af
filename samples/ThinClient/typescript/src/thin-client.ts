// A client of the server peer's GraphQL interface: questions over HTTP, what happens over a WebSocket.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { FateDocument, ReadDocument, RegisterDocument, SendDocument, StatusDocument, WatchDocument } from './generated/schema.js';
import type { FateQuery, ReadQuery, SendMutation, StatusQuery, WatchSubscription } from './generated/schema.js';
import type { Outbox } from './outbox.js';

// As many as go in one transaction without anybody waiting long for it.
const batchMax = 100;

/** An error that the server told, with its code (docs/graphql.md). */
export class ApiError extends Error {
  constructor(readonly code: string, message: string) {
    super(`${code}: ${message}`);
  }
}

type Result = SendMutation['queueMutations'][number];

export class ThinClient {
  constructor(private readonly address: string, private readonly token: () => Promise<string>, private readonly outbox: Outbox) {}

  register(name: string): Promise<unknown> {
    return this.#ask(RegisterDocument, { device: { id: this.outbox.device, name } });
  }

  /** Sends what waits, in order. May be called again at any time, also after an answer was lost: nothing is done twice. */
  async send(): Promise<Result[]> {
    const done: Result[] = [];
    while (this.outbox.waiting.length > 0) {
      const mutations = this.outbox.waiting.slice(0, batchMax);
      const { queueMutations } = await this.#ask(SendDocument, { device: this.outbox.device, mutations });
      this.outbox.remove(new Set(queueMutations.map((result) => result.request_id)));
      done.push(...queueMutations);
    }
    return done;
  }

  async status(): Promise<StatusQuery['deviceQueue']> {
    return (await this.#ask(StatusDocument, { device: this.outbox.device })).deviceQueue;
  }

  /** The entity as it is now; its version says against what the next mutation is made. */
  async read(domain: string, type: string, id: string): Promise<ReadQuery['entity']> {
    return (await this.#ask(ReadDocument, { domain, type, id })).entity;
  }

  /** What became of a request, and why. */
  async fate(request: string): Promise<FateQuery['mutation']> {
    return (await this.#ask(FateDocument, { request })).mutation;
  }

  /** What happens to this device's mutations, until the reader stops; connected again after a loss, of which `status` then tells what was missed. */
  async *watch(onListening: () => void): AsyncGenerator<WatchSubscription['statusChanged']> {
    const client = createClient({
      url: `${this.address.replace(/^http/, 'ws')}/graphql`,
      connectionParams: async () => ({ accessToken: await this.token() }),
      webSocketImpl: WebSocket,
      retryAttempts: Infinity,
      shouldRetry: () => true,
    });
    try {
      const variables = { device: this.outbox.device };
      const events = client.iterate<WatchSubscription>({ query: print(WatchDocument), variables });
      // Answered in order on one socket: behind this answer nothing is missed.
      await client.iterate({ query: print(StatusDocument), variables }).next();
      onListening();
      for await (const { data } of events) if (data) yield data.statusChanged;
    } finally {
      await client.dispose();
    }
  }

  async #ask<Answer, Variables>(query: TypedDocumentNode<Answer, Variables>, variables: Variables): Promise<Answer> {
    const response = await fetch(`${this.address}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', authorization: `Bearer ${await this.token()}` },
      body: JSON.stringify({ query: print(query), variables }),
    });
    const { data, errors } = await response.json() as { data?: Answer; errors?: { message: string; extensions: { code: string } }[] };
    const [error] = errors ?? [];
    if (error) throw new ApiError(error.extensions.code, error.message);
    return data!;
  }
}
