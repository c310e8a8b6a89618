// What one scenario holds in its hands: a client, names of its own, workers, and its assertions.
//
// A scenario that asserted no history or no refusal has not done its work and fails.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
  ServiceError,
  WorkflowFailedError,
  type WorkflowHandle,
  type WorkflowHandleWithFirstExecutionRunId,
  type WorkflowService,
  type WorkflowStartOptions,
} from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { NativeConnection, type WorkerOptions } from '@temporalio/worker';
import * as history from './history';
import type { Event } from './history';
import type { Options } from './options';
import type { Recording } from './recording';
import { Watch, type Facts } from './refusal';
import { Server } from './server';
import { Doomed, Running, type Hang } from './worker';

const PATIENCE_MS = 30_000;

/** What all scenarios share. */
export interface Surroundings {
  options: Options;
  recording: Recording;
  /** Where the workflows' code is, in the form that workers take. */
  bundle: string;
  /** Address of the shared server. */
  shared: string;
}

/** A history that the SDK's replayer must accept. */
export interface Replayable {
  workflowId: string;
  history: temporal.api.history.v1.IHistory;
}

type StartOptions = Partial<WorkflowStartOptions> & { suffix?: string };

export class Scenario {
  readonly nonce = randomUUID().slice(0, 8);
  readonly toReplay: Replayable[] = [];
  client!: Client;
  address!: string;
  private readonly watch = new Watch();
  private connection!: Connection;
  private tool!: Connection;
  private own: Server | undefined;
  private readonly closers: (() => Promise<unknown>)[] = [];
  private histories = 0;
  private refusals = 0;

  constructor(
    readonly name: string,
    readonly around: Surroundings,
  ) {}

  async open(ownServer: boolean): Promise<void> {
    this.address = this.around.shared;
    if (ownServer) {
      const own = new Server(this.around.options, true);
      this.own = own;
      this.closers.push(() => own.dispose());
      await own.start();
      this.address = own.address;
    }
    const interceptors = [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), this.watch.interceptor];
    this.connection = await Connection.connect({ address: this.address, interceptors });
    this.client = new Client({ connection: this.connection, identity: 'conformance-typescript' });
    // The server shows tools no workflow task that is under way but not yet written.
    this.tool = await Connection.connect({ address: this.address, metadata: { 'client-name': 'temporal-cli' } });
    this.closers.push(() => this.connection.close(), () => this.tool.close());
  }

  async close(): Promise<void> {
    for (const closer of this.closers.reverse()) await closer();
  }

  assertComplete(): void {
    this.around.recording.compare(this.name);
    assert.ok(this.histories > 0, 'this scenario asserts no history');
    assert.ok(this.refusals > 0, 'this scenario asserts no refusal');
  }

  // Names

  /** A workflow id that no other scenario and no earlier run of this one has used. */
  id(suffix = ''): string {
    return `${this.name}-${this.nonce}${suffix && '-'}${suffix}`;
  }

  get queue(): string {
    return `queue-${this.nonce}`;
  }

  // Servers and workers

  async killServer(): Promise<void> {
    assert.ok(this.own, 'this scenario has no server of its own');
    await this.own.kill();
  }

  /** Starts the killed server again, and comes back when this scenario's own clients have found it. */
  async reviveServer(): Promise<void> {
    await this.own?.start();
    await this.until('the clients to find the server again', async () => {
      for (const connection of [this.connection, this.tool]) {
        await connection.withDeadline(Date.now() + 2_000, () => connection.workflowService.getSystemInfo({}));
      }
      return true;
    });
  }

  /** kill -9 and a new start on the same data. */
  async restartServer(): Promise<void> {
    await this.killServer();
    await this.reviveServer();
  }

  /** A worker with a connection of its own, which ends with the scenario at the latest. */
  async worker(options: Partial<WorkerOptions> = {}): Promise<Running> {
    return await this.workerOn(await this.nativeConnection(), options);
  }

  async nativeConnection(): Promise<NativeConnection> {
    const connection = await NativeConnection.connect({ address: this.address });
    this.closers.push(() => connection.close());
    return connection;
  }

  async workerOn(connection: NativeConnection, options: Partial<WorkerOptions> = {}): Promise<Running> {
    const running = await Running.start(connection, this.queue, this.around.bundle, 'nothing', options);
    this.closers.push(() => running.stop());
    return running;
  }

  /** A worker process that will be killed, at the end of the scenario at the latest. */
  doomedWorker(hang: Hang): Doomed {
    const doomed = new Doomed({ address: this.address, queue: this.queue, bundle: this.around.bundle, hang });
    this.closers.push(() => doomed.kill());
    return doomed;
  }

  // Calls

  /** The public API without the rest of the SDK. */
  get service(): WorkflowService {
    return this.connection.workflowService;
  }

  async start<W extends Workflow>(
    workflow: W,
    args: Parameters<W>,
    { suffix, ...options }: StartOptions = {},
  ): Promise<WorkflowHandleWithFirstExecutionRunId<W>> {
    // The types of the SDK's options depend on whether there are arguments, which is not known here.
    const all = { taskQueue: this.queue, workflowId: this.id(suffix), args, ...options } as never;
    return await this.client.workflow.start<W>(workflow, all);
  }

  async signal(id: string, name: string, ...args: unknown[]): Promise<void> {
    await this.client.workflow.getHandle(id).signal(name, ...args);
  }

  /** Signals a word to a collector. */
  async give(word: string, suffix = ''): Promise<void> {
    await this.signal(this.id(suffix), 'give', word);
  }

  async cancel(id: string, reason = ''): Promise<void> {
    await this.service.requestCancelWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: id },
      identity: 'conformance-typescript',
      requestId: randomUUID(),
      reason,
    });
  }

  async describe(id = this.id()): Promise<temporal.api.workflowservice.v1.IDescribeWorkflowExecutionResponse> {
    return await this.service.describeWorkflowExecution({ namespace: 'default', execution: { workflowId: id } });
  }

  /** The whole history, page by page. */
  async events(id = this.id(), runId = ''): Promise<Event[]> {
    const events: Event[] = [];
    let nextPageToken: Uint8Array = new Uint8Array();
    do {
      const execution = { workflowId: id, runId };
      const request = { namespace: 'default', execution, nextPageToken };
      const page = await this.tool.workflowService.getWorkflowExecutionHistory(request);
      events.push(...(page.history?.events ?? []));
      nextPageToken = page.nextPageToken ?? new Uint8Array();
    } while (nextPageToken.length > 0);
    return events;
  }

  // Waiting

  /** Asks until the condition gives something true, and gives that back. A call that fails is asked again. */
  async until<T>(what: string, condition: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    let last: unknown;
    while (Date.now() < deadline) {
      try {
        const found = await condition();
        if (found) return found;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        last = error;
      }
      await setTimeout(30);
    }
    throw new Error(`still waiting after ${PATIENCE_MS} ms for ${what} (${String(last)})`);
  }

  /** Waits until the history holds so many events of that type. */
  async untilEvent(name: string, count = 1, suffix = ''): Promise<void> {
    const id = this.id(suffix);
    await this.until(`${name} number ${count} of ${id}`, async () => history.count(await this.events(id), name) >= count);
  }

  // Assertions

  /** The exact sequence of event types; the SDK's replayer must accept the history too. */
  async assertHistory(of: WorkflowHandleWithFirstExecutionRunId<Workflow>, expected: string): Promise<Event[]> {
    return await this.assertRun(of.workflowId, of.firstExecutionRunId, expected);
  }

  async assertRun(id: string, runId: string, expected: string): Promise<Event[]> {
    const events = await this.assertEvents(id, runId, expected);
    // One without a completed workflow task holds nothing to replay, and the replayer does not take it.
    if (history.count(events, 'WorkflowTaskCompleted') > 0) {
      this.toReplay.push({ workflowId: id, history: { events } });
    }
    this.histories += 1;
    return events;
  }

  /** The sequence of event types, and a sound history. */
  async assertEvents(id: string, runId: string, expected: string): Promise<Event[]> {
    const events = await this.events(id, runId);
    history.assertTypes(events, expected);
    history.assertSound(events);
    return events;
  }

  /** The call fails with this code; text and details are those that Temporal's server gave. Gives the SDK's error. */
  async refused(called: () => Promise<unknown>, code: string): Promise<unknown> {
    const [error, facts] = await this.refusal(called, code);
    this.same(`refusal ${this.refusals}`, { ...facts, message: this.scrub(facts.message ?? '') });
    return error;
  }

  /** As `refused`, where Temporal's text speaks of its own insides and another one may say it better. */
  async refusedInItsWords(called: () => Promise<unknown>, code: string): Promise<void> {
    const [, facts] = await this.refusal(called, code);
    this.same(`refusal ${this.refusals}`, { ...facts, message: null });
  }

  private async refusal(called: () => Promise<unknown>, code: string): Promise<[unknown, Facts]> {
    this.watch.forget();
    const error = await called().then(
      () => assert.fail(`the call was answered: it should be refused with ${code}`),
      (error: unknown) => error,
    );
    const facts = this.watch.seen();
    assert.ok(facts, `not a refusal of the server: ${String(error)}`);
    assert.equal(facts.code, code, facts.message ?? '');
    this.refusals += 1;
    return [error, facts];
  }

  /** What most scenarios end with: nothing can be said to a workflow that has closed. */
  async refusesLateSignal(id = this.id()): Promise<void> {
    await this.refused(() => this.signal(id, 'late'), 'NotFound');
  }

  /** The same as Temporal's server: equal to what was recorded from it under this label. */
  same(label: string, fact: unknown): void {
    this.around.recording.note(this.name, label, fact);
  }

  /** A text without what differs from run to run. */
  private scrub(text: string): string {
    const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
    return text.replaceAll(this.nonce, 'N').replace(uuid, '<uuid>');
  }
}

/** The result; asks again where the SDK itself gives up because the server is away for too long. */
export async function resultOf<W extends Workflow>(handle: WorkflowHandle<W>): Promise<unknown> {
  for (;;) {
    try {
      return await handle.result();
    } catch (error) {
      const away = error instanceof ServiceError && isGrpcServiceError(error.cause) && error.cause.code === 14;
      if (!away) throw error;
      await setTimeout(100);
    }
  }
}

/** The failure with which a workflow ended: what it is to the SDK. */
export async function failureOf(handle: WorkflowHandle<Workflow>): Promise<Error> {
  try {
    await handle.result();
  } catch (error) {
    assert.ok(error instanceof WorkflowFailedError && error.cause, String(error));
    return error.cause;
  }
  return assert.fail('the workflow completed');
}

/** The error of this class in the chain of causes. */
export function cause<E extends Error>(error: Error, kind: abstract new (...args: never[]) => E): E {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof kind) return at;
  }
  return assert.fail(`no ${kind.name} in ${String(error)}`);
}
