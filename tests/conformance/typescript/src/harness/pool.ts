// Runs the selected scenarios side by side and says how each ended.
//
// Most scenarios wait for timers, so one after the other would take many times longer than the work does. A scenario
// that does not end in time fails. Histories are replayed when all have ended, by one replay worker.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import type { Options } from './options';
import { Recording } from './recording';
import { Scenario, type Replayable, type Surroundings } from './scenario';
import { Server } from './server';
import { installRuntime } from './worker';

const SCENARIO_MS = 90_000;
const AT_ONCE = 8;
const CRASHING_AT_ONCE = 2;

/** What a scenario needs of its surroundings: most the shared server, some one to kill, some that all others are done. */
export type Needs = 'shared server' | 'own server' | 'quiet';

export interface Entry {
  name: string;
  needs: Needs;
  body: (s: Scenario) => Promise<void>;
}

interface Outcome {
  name: string;
  tookMs: number;
  toReplay: Replayable[];
  failure?: unknown;
}

/** Gives turns to so many at once. */
class Slots {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async with<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}

/** True if every selected scenario passed. */
export async function run(options: Options, all: Entry[]): Promise<boolean> {
  const entries = all.filter(({ name }) => options.word.length === 0 || options.word.some((word) => name.includes(word)));
  if (entries.length === 0) throw new Error('no scenario has such a name');
  installRuntime();
  const directory = mkdtempSync(join(tmpdir(), 'weft-conformance-'));
  const bundle = join(directory, 'workflows.js');
  const workflowsPath = require.resolve('../workflows');
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  writeFileSync(bundle, code);
  let server: Server | undefined;
  try {
    if (!options.address) {
      server = new Server(options, false);
      await server.start();
    }
    const recording = new Recording(options.record ?? false);
    const shared = options.address ?? server?.address ?? '';
    const around = { options, recording, bundle, shared };
    const outcomes = await runAll(around, entries);
    await replayAll(bundle, outcomes);
    recording.save(outcomes.filter(({ failure }) => !failure).map(({ name }) => name));
    report(options, outcomes);
    return outcomes.every(({ failure }) => !failure);
  } finally {
    await server?.dispose();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runAll(around: Surroundings, entries: Entry[]): Promise<Outcome[]> {
  const plain = new Slots(AT_ONCE);
  const crashing = new Slots(CRASHING_AT_ONCE);
  const busy = entries.filter(({ needs }) => needs !== 'quiet');
  const outcomes = await Promise.all(
    busy.map((entry) => (entry.needs === 'own server' ? crashing : plain).with(() => runOne(around, entry))),
  );
  for (const entry of entries.filter(({ needs }) => needs === 'quiet')) outcomes.push(await runOne(around, entry));
  return outcomes;
}

async function runOne(around: Surroundings, entry: Entry): Promise<Outcome> {
  const { name } = entry;
  const began = Date.now();
  const scenario = new Scenario(name, around);
  const timer = new AbortController();
  const late = setTimeout(SCENARIO_MS, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`not at its end after ${SCENARIO_MS} ms`);
  });
  let failure: unknown;
  try {
    await Promise.race([play(scenario, entry), late]);
  } catch (error) {
    failure = error;
  }
  timer.abort();
  await late.catch(() => undefined);
  await scenario.close().catch((error: unknown) => (failure ??= error));
  const tookMs = Date.now() - began;
  console.log(`${failure ? 'FAILED' : 'passed'} ${name} (${(tookMs / 1000).toFixed(1)} s)`);
  return { name, tookMs, toReplay: scenario.toReplay, failure };
}

async function play(scenario: Scenario, entry: Entry): Promise<void> {
  await scenario.open(entry.needs === 'own server');
  await entry.body(scenario);
  scenario.assertComplete();
}

/** A scenario whose history the SDK does not accept has failed. */
async function replayAll(bundle: string, outcomes: Outcome[]): Promise<void> {
  const histories = outcomes.flatMap(({ toReplay }) => toReplay);
  const options = { workflowBundle: { codePath: bundle } };
  let replayed = 0;
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
    replayed += 1;
    const outcome = outcomes.find(({ name }) => workflowId.startsWith(`${name}-`));
    if (error && outcome) outcome.failure ??= new Error(`the replay of ${workflowId}: ${error.message}`);
  }
  if (replayed !== histories.length) throw new Error(`${replayed} of ${histories.length} histories were replayed`);
  console.log(`replayed ${replayed} histories`);
}

function said(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}

function report(options: Options, outcomes: Outcome[]): void {
  for (const { name, failure } of outcomes) {
    if (failure) console.log(`\n--- ${name} ---\n${failure instanceof Error ? failure.stack : String(failure)}`);
  }
  const slowest = [...outcomes].sort((a, b) => b.tookMs - a.tookMs).slice(0, 6);
  console.log(`slowest: ${slowest.map(({ name, tookMs }) => `${name} ${(tookMs / 1000).toFixed(1)} s`).join(', ')}`);
  const failed = outcomes.filter(({ failure }) => failure).length;
  console.log(`${outcomes.length - failed} passed, ${failed} failed`);
  if (!options.results) return;
  const results = outcomes.map(({ name, failure }) => [name, failure ? said(failure).split('\n')[0] : 'pass']);
  writeFileSync(options.results, `${JSON.stringify(Object.fromEntries(results), null, 2)}\n`);
}
