// Many workflows at once.

import assert from 'node:assert/strict';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { ACTIVITY, TASK } from '../harness/history';
import { resultOf, type Scenario } from '../harness/scenario';
import { Tour } from '../workflows';

const REST = `${ACTIVITY}, ${TASK}, TimerStarted, TimerFired, ${TASK}, ${ACTIVITY}, ${TASK}, WorkflowExecutionCompleted`;

/** The history of a tour whose first workflow task went like this. */
export function toured(first = TASK): string {
  return `WorkflowExecutionStarted, ${first}, ${REST}`;
}

type Handle = WorkflowHandleWithFirstExecutionRunId<typeof Tour>;

/** Starts so many tours side by side. */
export async function tours(s: Scenario, count: number, millis: number, taskSeconds: number): Promise<Handle[]> {
  const workflowTaskTimeout = taskSeconds * 1_000;
  const numbers = Array.from({ length: count }, (_, n) => n);
  return await Promise.all(numbers.map((n) => s.start(Tour, [n, millis], { suffix: String(n), workflowTaskTimeout })));
}

export function there(n: number): string {
  return `there ${n}, back ${n}`;
}

export const scenarios = {
  async two_hundred_workflows_run_at_once(s: Scenario) {
    await s.worker();
    // A slow machine may take its time; what is asserted is that nothing is lost, done twice or out of order.
    const handles = await tours(s, 200, 200, 60);
    const results = await Promise.all(handles.map(resultOf));
    for (const [n, result] of results.entries()) {
      assert.equal(result, there(n));
      await s.assertEvents(s.id(String(n)), '', toured());
    }
    await s.assertHistory(handles[0]!, toured());
    await s.refusesLateSignal(s.id('7'));
  },
};
