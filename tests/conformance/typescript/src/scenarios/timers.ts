// Timers: one that fires, one that is cancelled by the workflow, one that is cancelled with it.

import assert from 'node:assert/strict';
import { CancelledFailure } from '@temporalio/common';
import { TASK } from '../harness/history';
import { failureOf, resultOf, type Scenario } from '../harness/scenario';
import { Race, Sleeper } from '../workflows';

export const SLEPT = `WorkflowExecutionStarted, ${TASK}, TimerStarted, TimerFired, ${TASK}, WorkflowExecutionCompleted`;

export const scenarios = {
  async a_timer_fires(s: Scenario) {
    await s.worker();
    const handle = await s.start(Sleeper, [300]);
    assert.equal(await resultOf(handle), 'slept');
    const events = await s.assertHistory(handle, SLEPT);
    assert.equal(String(events[4]?.userMetadata?.summary?.data), '"a nap"');
    await s.refusesLateSignal();
  },

  async the_slower_timer_is_cancelled(s: Scenario) {
    await s.worker();
    const handle = await s.start(Race, []);
    assert.equal(await resultOf(handle), 'fast wins, the other is cancelled');
    await s.assertHistory(
      handle,
      `WorkflowExecutionStarted, ${TASK}, TimerStarted*2, TimerFired, ${TASK}, TimerCanceled,
       WorkflowExecutionCompleted`,
    );
    await s.refusesLateSignal();
  },

  async a_timer_is_cancelled_with_its_workflow(s: Scenario) {
    await s.worker();
    const handle = await s.start(Sleeper, [600_000]);
    await s.untilEvent('TimerStarted');
    await s.cancel(s.id(), 'wake up');
    assert.ok((await failureOf(handle)) instanceof CancelledFailure);
    await s.assertHistory(
      handle,
      `WorkflowExecutionStarted, ${TASK}, TimerStarted, WorkflowExecutionCancelRequested, ${TASK}, TimerCanceled,
       WorkflowExecutionCanceled`,
    );
    await s.refusesLateSignal();
  },
};
