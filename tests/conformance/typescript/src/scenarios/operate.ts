// What operators do to one workflow: reset it, pause its activities.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { first, names, TASK } from '../harness/history';
import { resultOf, type Scenario } from '../harness/scenario';
import { Collector, Runner } from '../workflows';
import { ONE_ACTIVITY } from './activities';
import { THREE_TASKS } from './tasks';

const { PendingActivityState, ResetReapplyExcludeType, WorkflowTaskFailedCause } = temporal.api.enums.v1;
const RESET_TASK = 'WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed';

type Base = WorkflowHandleWithFirstExecutionRunId<typeof Collector>;

/** A collector that was given `one` and `end`, each with a task of its own, and has closed. */
async function collected(s: Scenario): Promise<Base> {
  const handle = await s.start(Collector, []);
  await s.untilEvent('WorkflowTaskCompleted', 1);
  await s.give('one');
  await s.untilEvent('WorkflowTaskCompleted', 2);
  await s.give('end');
  assert.deepEqual(await resultOf(handle), ['one', 'end']);
  await s.assertHistory(handle, THREE_TASKS);
  return handle;
}

/** Resets to the event of this number; gives the new run. */
async function reset(s: Scenario, base: Base, number: number, without: number[] = []): Promise<string> {
  const events = await s.events(base.workflowId, base.firstExecutionRunId);
  const answer = await s.service.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: base.workflowId, runId: base.firstExecutionRunId },
    reason: 'once more',
    requestId: randomUUID(),
    workflowTaskFinishEventId: events[number - 1]?.eventId ?? null,
    resetReapplyExcludeTypes: without,
  });
  return answer.runId;
}

export const scenarios = {
  async a_reset_goes_back_to_the_first_task(s: Scenario) {
    await s.worker();
    const base = await collected(s);
    await s.refused(() => reset(s, base, 1), 'InvalidArgument');
    const again = await reset(s, base, 4);
    assert.deepEqual(await resultOf(s.client.workflow.getHandle(s.id(), again)), ['one', 'end']);
    const events = await s.assertRun(
      s.id(),
      again,
      `WorkflowExecutionStarted, ${RESET_TASK}, WorkflowExecutionSignaled*2, ${TASK}, WorkflowExecutionCompleted`,
    );
    const failed = first(events, 'workflowTaskFailedEventAttributes');
    assert.equal(failed.baseRunId, base.firstExecutionRunId);
    s.same('cause of the failed task', WorkflowTaskFailedCause[failed.cause ?? 0]);
    await s.assertHistory(base, THREE_TASKS);
  },

  async a_reset_can_leave_signals_out(s: Scenario) {
    await s.worker();
    const base = await collected(s);
    const again = await reset(s, base, 8, [ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL]);
    // It has not heard `end`, and waits for it.
    await s.untilEvent('WorkflowTaskCompleted', 2);
    await s.give('other');
    await s.untilEvent('WorkflowTaskCompleted', 3);
    await s.give('end');
    assert.deepEqual(await resultOf(s.client.workflow.getHandle(s.id(), again)), ['one', 'other', 'end']);
    const signaled = `WorkflowExecutionSignaled, ${TASK}`;
    await s.assertRun(
      s.id(),
      again,
      `WorkflowExecutionStarted, ${TASK}, WorkflowExecutionSignaled, ${RESET_TASK}, ${TASK}, ${signaled}, ${signaled},
      WorkflowExecutionCompleted`,
    );
    await s.refusesLateSignal();
  },

  async a_paused_activity_gets_no_attempt_until_unpaused(s: Scenario) {
    await s.worker();
    // Unpaused, it does not wait for ten minutes.
    const handle = await s.start(Runner, [{ deed: 'SucceedsAt', word: '2', retryAfter: 600_000 }]);
    const pending = async () => ((await s.describe()).pendingActivities ?? [])[0];
    await s.until('the first attempt to fail', async () => (await pending())?.attempt === 2);
    const activity = { namespace: 'default', execution: { workflowId: s.id() }, identity: 'operator' };
    const pause = () =>
      s.service.pauseActivity({ ...activity, reason: 'too hot', requestId: randomUUID(), type: 'SucceedsAt' });
    await pause();
    const paused = await pending();
    s.same('paused', [
      paused?.paused,
      PendingActivityState[paused?.state ?? 0],
      paused?.pauseInfo?.manual?.reason,
    ]);
    await s.refused(pause, 'FailedPrecondition');
    await s.service.unpauseActivity({ ...activity, unpauseAll: true });
    assert.equal(await resultOf(handle), 'attempt 2');
    const events = await s.assertHistory(handle, ONE_ACTIVITY);
    assert.equal(first(events, 'activityTaskStartedEventAttributes').attempt, 2);
    assert.ok(!names(events).includes('ActivityTaskFailed'));
  },
};
