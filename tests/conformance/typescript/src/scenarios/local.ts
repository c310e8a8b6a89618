// Local activities: they run in the worker of their workflow and leave a marker.

import assert from 'node:assert/strict';
import { ApplicationFailure } from '@temporalio/common';
import { count, TASK } from '../harness/history';
import { cause, failureOf, resultOf, type Scenario } from '../harness/scenario';
import { LocalRunner } from '../workflows';

export const MARKED = `WorkflowExecutionStarted, ${TASK}, MarkerRecorded`;

export const scenarios = {
  async a_local_activity_leaves_a_marker(s: Scenario) {
    await s.worker();
    const handle = await s.start(LocalRunner, [{ deed: 'SucceedsAt', word: '2' }]);
    assert.equal(await resultOf(handle), 'attempt 2');
    await s.assertHistory(handle, `${MARKED}, WorkflowExecutionCompleted`);
    await s.refusesLateSignal();
  },

  async a_local_activity_that_fails_leaves_its_failure(s: Scenario) {
    await s.worker();
    const handle = await s.start(LocalRunner, [{ deed: 'FailsForGood', word: 'no' }]);
    assert.equal(cause(await failureOf(handle), ApplicationFailure).message, 'no');
    await s.assertHistory(handle, `${MARKED}, WorkflowExecutionFailed`);
    await s.refusesLateSignal();
  },

  async a_long_backoff_of_a_local_activity_is_a_timer(s: Scenario) {
    await s.worker();
    const plan = { deed: 'SucceedsAt', word: '2', retryAfter: 500, timerFrom: 100 } as const;
    const handle = await s.start(LocalRunner, [plan]);
    assert.equal(await resultOf(handle), 'attempt 2');
    const waited = `TimerStarted, TimerFired, ${TASK}`;
    await s.assertHistory(handle, `${MARKED}, ${waited}, MarkerRecorded, WorkflowExecutionCompleted`);
    await s.refusesLateSignal();
  },

  /** The worker answers its task before it times out and asks for the next at once. */
  async a_long_local_activity_keeps_its_workflow_task_alive(s: Scenario) {
    const worker = await s.worker();
    const plan = { deed: 'Waits', word: 'patience' } as const;
    const handle = await s.start(LocalRunner, [plan], { workflowTaskTimeout: '5s' });
    await s.untilEvent('WorkflowTaskStarted', 3);
    worker.signs.release();
    assert.equal(await resultOf(handle), 'patience');
    const tasks = count(await s.events(), 'WorkflowTaskCompleted');
    assert.ok(tasks >= 3, 'the worker kept its task alive');
    const all = Array<string>(tasks).fill(TASK).join();
    await s.assertHistory(handle, `WorkflowExecutionStarted, ${all}, MarkerRecorded, WorkflowExecutionCompleted`);
    await s.refusesLateSignal();
  },
};
