// The four timeouts of activities, and those of workflows.

import assert from 'node:assert/strict';
import { ActivityFailure, ApplicationFailure, RetryState, TimeoutFailure, TimeoutType } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { first, TASK } from '../harness/history';
import { cause, failureOf, resultOf, type Scenario } from '../harness/scenario';
import { Collector, Flaky, Runner, type Errand } from '../workflows';
import { FAILED_ACTIVITY, ONE_ACTIVITY } from './activities';
import { FAILED } from './start';

const TIMED_OUT = 'ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskTimedOut';

async function timesOut(s: Scenario, errand: Errand, which: TimeoutType, activity: string): Promise<void> {
  const worker = await s.worker();
  const handle = await s.start(Runner, [errand]);
  const failure = await failureOf(handle);
  const timeout = cause(failure, TimeoutFailure);
  assert.equal(timeout.timeoutType, which);
  s.same('retry state', cause(failure, ActivityFailure).retryState);
  s.same('message', timeout.message);
  await s.assertHistory(handle, `WorkflowExecutionStarted, ${TASK}, ${activity}, ${TASK}, WorkflowExecutionFailed`);
  await s.refusesLateSignal();
  worker.signs.release();
}

export const scenarios = {
  async an_activity_that_takes_too_long_times_out(s: Scenario) {
    const errand: Errand = { deed: 'Waits', word: 'word', startToClose: 500, attemptsMax: 1 };
    await timesOut(s, errand, TimeoutType.START_TO_CLOSE, TIMED_OUT);
  },

  async an_activity_that_nobody_takes_times_out(s: Scenario) {
    const errand: Errand = { deed: 'Echo', word: 'word', scheduleToStart: 500, queue: `${s.queue}-nobody` };
    await timesOut(s, errand, TimeoutType.SCHEDULE_TO_START, 'ActivityTaskScheduled, ActivityTaskTimedOut');
  },

  async all_attempts_together_time_out(s: Scenario) {
    const errand: Errand = { deed: 'Waits', word: 'word', scheduleToClose: 3_000 };
    await timesOut(s, errand, TimeoutType.SCHEDULE_TO_CLOSE, TIMED_OUT);
  },

  async retries_stop_where_the_time_would_be_up(s: Scenario) {
    await s.worker();
    const errand: Errand = { deed: 'Fails', word: 'no', scheduleToClose: 5_000, retryAfter: 20_000 };
    const handle = await s.start(Runner, [errand]);
    const failure = await failureOf(handle);
    assert.equal(cause(failure, ActivityFailure).retryState, RetryState.TIMEOUT);
    assert.equal(cause(failure, ApplicationFailure).message, 'no');
    await s.assertHistory(handle, FAILED_ACTIVITY);
    await s.refusesLateSignal();
  },

  async a_silent_activity_is_retried_with_what_it_said_last(s: Scenario) {
    await s.worker();
    const handle = await s.start(Runner, [{ deed: 'Reads', word: '7', heartbeat: 4_000 }]);
    assert.equal(await resultOf(handle), 'read on from page 7');
    const it = first(await s.assertHistory(handle, ONE_ACTIVITY), 'activityTaskStartedEventAttributes');
    // A first attempt that was slow to say anything is silent too, and the next says it then.
    assert.ok((it.attempt ?? 0) >= 2, `attempt ${it.attempt}`);
    const heartbeat = temporal.api.enums.v1.TimeoutType.TIMEOUT_TYPE_HEARTBEAT;
    assert.equal(it.lastFailure?.timeoutFailureInfo?.timeoutType, heartbeat);
    await s.refusesLateSignal();
  },

  async a_run_times_out(s: Scenario) {
    await s.worker();
    const handle = await s.start(Collector, [], { workflowRunTimeout: '3s' });
    assert.ok((await failureOf(handle)) instanceof TimeoutFailure);
    await s.assertHistory(handle, `WorkflowExecutionStarted, ${TASK}, WorkflowExecutionTimedOut`);
    await s.refusesLateSignal();
  },

  /** The execution timeout bounds the whole chain: a retry that would begin after it is not made. */
  async an_execution_times_out_across_its_retries(s: Scenario) {
    await s.worker();
    const retry = { initialInterval: '1s', backoffCoefficient: 20 } as const;
    const handle = await s.start(Flaky, [9], { workflowExecutionTimeout: '10s', retry });
    assert.equal((await failureOf(handle)).message, 'run 2 fails');
    await s.assertHistory(handle, FAILED);
    const last = await s.assertRun(s.id(), '', FAILED);
    assert.equal(first(last, 'workflowExecutionStartedEventAttributes').attempt, 2);
    await s.refusesLateSignal();
  },
};
