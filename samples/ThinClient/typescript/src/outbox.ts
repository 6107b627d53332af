// What its user did and no server has answered yet, in a file: written before it is sent, and kept until it is answered.
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { MutationInput } from './generated/schema.js';

interface State {
  device: string;
  waiting: MutationInput[];
}

export class Outbox {
  readonly #file: string;
  readonly #state: State;

  constructor(file: string) {
    this.#file = file;
    try {
      this.#state = JSON.parse(readFileSync(file, 'utf8')) as State;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.#state = { device: randomUUID(), waiting: [] };
      this.#save();
    }
  }

  /** The device's own UUID: the same for as long as the file is there. */
  get device(): string {
    return this.#state.device;
  }

  get waiting(): readonly MutationInput[] {
    return this.#state.waiting;
  }

  /** Notes a mutation under a request id of its own, which stays the same however often it is sent. */
  add(mutation: Omit<MutationInput, 'request_id'>): string {
    const request_id = randomUUID();
    this.#state.waiting.push({ ...mutation, request_id });
    this.#save();
    return request_id;
  }

  /** Forgets what was answered. */
  remove(requests: ReadonlySet<string>): void {
    this.#state.waiting = this.#state.waiting.filter((mutation) => !requests.has(mutation.request_id));
    this.#save();
  }

  // As a whole or not at all, whenever the power fails.
  #save(): void {
    writeFileSync(`${this.#file}.tmp`, JSON.stringify(this.#state));
    renameSync(`${this.#file}.tmp`, this.#file);
  }
}
