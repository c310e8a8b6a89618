// The workflows of the suite. Their code depends on nothing but their input and their history: all are replayed.

import {
  ActivityCancellationType,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  proxyActivities,
  proxyLocalActivities,
  proxySinks,
  setHandler,
  sleep,
  startChild,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
  type Sinks,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Deeds } from './deeds';

/** A search attribute that every server has. */
export const batcherUser = defineSearchAttributeKey('BatcherUser', SearchAttributeType.KEYWORD);

export const give = defineSignal<[string]>('give');
export const end = defineSignal('end');
export const words = defineQuery<string[]>('words');

export async function Greeter(name: string): Promise<string> {
  return `Hello, ${name}!`;
}

export interface Outside extends Sinks {
  /** A worker process that is to be killed here does not come back from it. */
  outside: { think(): void };
}

/** In a worker process that is to be killed here: keeps its first task for ever. */
export async function Thinker(): Promise<string> {
  proxySinks<Outside>().outside.think();
  return 'thought';
}

/** Fails until the run's attempt with this number; type `Planned`. */
export async function Flaky(attempt: number): Promise<string> {
  const now = workflowInfo().attempt;
  if (now < attempt) throw ApplicationFailure.create({ message: `run ${now} fails`, type: 'Planned' });
  return `run ${now}`;
}

/** Counts in runs: each goes on as new until the second number is reached. */
export async function Relay(now: number, last: number): Promise<number> {
  if (now < last) await continueAsNew<typeof Relay>(now + 1, last);
  return now;
}

/** Fails the first task of each run, which is when nothing but its start has happened, and none after it. */
export async function Clumsy(): Promise<string> {
  if (workflowInfo().historyLength <= 3) throw new Error('fell over');
  return 'stood up';
}

/** Changes its memo and a search attribute, and tells what they were. */
export async function Labeller(): Promise<[string | undefined, unknown]> {
  const { typedSearchAttributes, memo } = workflowInfo();
  const before: [string | undefined, unknown] = [typedSearchAttributes.get(batcherUser), memo?.['colour']];
  upsertMemo({ colour: 'red', size: null });
  upsertSearchAttributes([{ key: batcherUser, value: 'somebody else' }]);
  return before;
}

export async function Patched(): Promise<string> {
  return patched('better') ? 'the better way' : 'the old way';
}

/** Writes so many pages into its history, then waits for `end`. */
export async function Scribe(pages: number): Promise<number> {
  let ended = false;
  setHandler(end, () => void (ended = true));
  for (let page = 0; page < pages; page++) upsertMemo({ page });
  await condition(() => ended);
  return pages;
}

/** Collects words until the word `end`, which it keeps too. */
export async function Collector(): Promise<string[]> {
  const collected: string[] = [];
  setHandler(give, (word) => void collected.push(word));
  setHandler(words, () => collected);
  await condition(() => collected.includes('end'));
  return collected;
}

/** Sleeps so many milliseconds. */
export async function Sleeper(millis: number): Promise<string> {
  await sleep(millis, { summary: 'a nap' });
  return 'slept';
}

/** Two timers run; the one that loses is cancelled. */
export async function Race(): Promise<string> {
  const scope = new CancellationScope();
  const slow = scope.run(() => sleep('10 minutes'));
  const winner = await Promise.race([slow.then(() => 'slow'), sleep(100).then(() => 'fast')]);
  scope.cancel();
  const loser = await slow.then(
    () => 'done',
    (error: unknown) => (isCancellation(error) ? 'cancelled' : String(error)),
  );
  return `${winner} wins, the other is ${loser}`;
}

/** One activity with its options; times in milliseconds. */
export interface Errand {
  deed: keyof Deeds;
  word: string;
  scheduleToClose?: number;
  scheduleToStart?: number;
  startToClose?: number;
  heartbeat?: number;
  retryAfter?: number;
  attemptsMax?: number;
  nonRetryable?: string[];
  queue?: string;
  /** Wait until the activity has ended when the workflow is cancelled, then clean up. */
  cleansUp?: boolean;
}

async function run(errand: Errand): Promise<string> {
  const activities = proxyActivities<Deeds>({
    scheduleToCloseTimeout: errand.scheduleToClose,
    scheduleToStartTimeout: errand.scheduleToStart,
    startToCloseTimeout: errand.startToClose ?? 30_000,
    heartbeatTimeout: errand.heartbeat,
    taskQueue: errand.queue,
    retry: {
      initialInterval: errand.retryAfter ?? 100,
      maximumAttempts: errand.attemptsMax,
      nonRetryableErrorTypes: errand.nonRetryable,
    },
    cancellationType: errand.cleansUp
      ? ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
      : ActivityCancellationType.TRY_CANCEL,
    summary: 'an errand',
  });
  return await activities[errand.deed](errand.word);
}

/** Runs one activity and ends as it ends. */
export async function Runner(errand: Errand): Promise<string> {
  try {
    return await run(errand);
  } catch (error) {
    if (!errand.cleansUp || !isCancellation(error)) throw error;
    return await CancellationScope.nonCancellable(() => run({ deed: 'Echo', word: 'cleaned up' }));
  }
}

/** An activity, a timer of so many milliseconds, another activity. */
export async function Tour(number: number, millis: number): Promise<string> {
  const there = await run({ deed: 'Echo', word: `there ${number}` });
  await sleep(millis);
  const back = await run({ deed: 'Echo', word: `back ${number}` });
  return `${there}, ${back}`;
}

/** One local activity; times in milliseconds. */
export interface LocalPlan {
  deed: keyof Deeds;
  word: string;
  retryAfter?: number;
  /** From here on a retry waits in a timer of the workflow instead of in the worker. */
  timerFrom?: number;
}

/** Runs an activity in its own worker. */
export async function LocalRunner(plan: LocalPlan): Promise<string> {
  const activities = proxyLocalActivities<Deeds>({
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: plan.retryAfter ?? 50 },
    localRetryThreshold: plan.timerFrom ?? 10_000,
  });
  return await activities[plan.deed](plan.word);
}

export const pay = defineUpdate<number, [number]>('pay');
export const paySlowly = defineUpdate<number, [number]>('pay slowly');
export const nod = defineSignal('nod');
export const close = defineSignal('close');

/** Takes money through a slot that takes no debts; slow payments wait for a nod. */
export async function Till(): Promise<number> {
  let sum = 0;
  let nods = 0;
  let closing = false;
  const validator = (amount: number) => {
    if (amount < 0) throw new Error('no debts');
  };
  setHandler(pay, (amount) => (sum += amount), { validator });
  const slowly = async (amount: number) => {
    await condition(() => nods > 0);
    return (sum += amount);
  };
  setHandler(paySlowly, slowly, { validator });
  setHandler(nod, () => void (nods += 1));
  setHandler(close, () => void (closing = true));
  await condition(() => closing && allHandlersFinished());
  return sum;
}

export const go = defineSignal<[string]>('go');

/** Does as it is told. */
export async function Patient(name: string): Promise<string> {
  let told = '';
  setHandler(go, (how) => void (told = how));
  await condition(() => told !== '');
  if (told === 'fail') throw ApplicationFailure.nonRetryable('as told', 'Told');
  return `${name} ${told}`;
}

/** Has one child, and tells how it ended. */
export async function Parent(kid: string): Promise<string> {
  try {
    return await executeChild(Patient, { workflowId: kid, args: ['kid'] });
  } catch (error) {
    const cause = error instanceof ChildWorkflowFailure ? error.cause : undefined;
    if (!(cause instanceof ApplicationFailure)) throw error;
    return `failed: ${cause.message} ${cause.type}`;
  }
}

/** Starts a child on another queue, and ends. */
export async function Leaver(kid: string, taskQueue: string): Promise<string> {
  await startChild(Patient, { workflowId: kid, taskQueue, args: ['kid'] });
  return 'left';
}

/** Gives words to a collector. */
export async function Teller(whom: string, said: string[]): Promise<string> {
  for (const word of said) await getExternalWorkflowHandle(whom).signal(give, word);
  return 'told';
}
