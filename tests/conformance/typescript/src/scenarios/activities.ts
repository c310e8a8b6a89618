// Activities: results, retries, failures for good, cancellation.

import assert from 'node:assert/strict';
import { ActivityFailure, ApplicationFailure, CancelledFailure, RetryState } from '@temporalio/common';
import { ACTIVITY, first, TASK } from '../harness/history';
import { cause, failureOf, resultOf, type Scenario } from '../harness/scenario';
import type { Running } from '../harness/worker';
import { Runner, type Errand } from '../workflows';

export const ONE_ACTIVITY = `WorkflowExecutionStarted, ${TASK}, ${ACTIVITY}, ${TASK}, WorkflowExecutionCompleted`;
export const FAILED_ACTIVITY = `WorkflowExecutionStarted, ${TASK}, ActivityTaskScheduled, ActivityTaskStarted,
  ActivityTaskFailed, ${TASK}, WorkflowExecutionFailed`;

export async function untilBegun(s: Scenario, worker: Running): Promise<void> {
  await s.until('the activity to begin', async () => worker.signs.began === 1);
}

async function endsFailed(s: Scenario, errand: Errand, state: RetryState, attempt: number): Promise<void> {
  await s.worker();
  const handle = await s.start(Runner, [errand]);
  const failure = await failureOf(handle);
  assert.equal(cause(failure, ActivityFailure).retryState, state);
  assert.equal(cause(failure, ApplicationFailure).message, 'no');
  const events = await s.assertHistory(handle, FAILED_ACTIVITY);
  assert.equal(first(events, 'activityTaskStartedEventAttributes').attempt, attempt);
  await s.refusesLateSignal();
}

export const scenarios = {
  async an_activity_gives_its_result(s: Scenario) {
    await s.worker();
    const handle = await s.start(Runner, [{ deed: 'Echo', word: 'word' }]);
    assert.equal(await resultOf(handle), 'word');
    const events = await s.assertHistory(handle, ONE_ACTIVITY);
    assert.equal(String(events[4]?.userMetadata?.summary?.data), '"an errand"');
    await s.refusesLateSignal();
  },

  async an_activity_is_retried_until_it_succeeds(s: Scenario) {
    await s.worker();
    const handle = await s.start(Runner, [{ deed: 'SucceedsAt', word: '3' }]);
    assert.equal(await resultOf(handle), 'attempt 3');
    const it = first(await s.assertHistory(handle, ONE_ACTIVITY), 'activityTaskStartedEventAttributes');
    assert.deepEqual([it.attempt, it.lastFailure?.message], [3, 'attempt 2 fails']);
    await s.refusesLateSignal();
  },

  async a_failure_for_good_is_not_retried(s: Scenario) {
    await endsFailed(s, { deed: 'FailsForGood', word: 'no' }, RetryState.NON_RETRYABLE_FAILURE, 1);
  },

  async a_type_of_failure_can_be_named_non_retryable(s: Scenario) {
    const errand: Errand = { deed: 'Fails', word: 'no', nonRetryable: ['Planned'] };
    await endsFailed(s, errand, RetryState.NON_RETRYABLE_FAILURE, 1);
  },

  async attempts_come_to_an_end(s: Scenario) {
    await endsFailed(s, { deed: 'Fails', word: 'no', attemptsMax: 2 }, RetryState.MAXIMUM_ATTEMPTS_REACHED, 2);
  },

  async a_cancelled_activity_is_told_and_cleaned_up_after(s: Scenario) {
    // It hears of it by a heartbeat, so heartbeats should come often; that one is missed is not what this is about.
    const worker = await s.worker({ maxHeartbeatThrottleInterval: '100ms' });
    const handle = await s.start(Runner, [{ deed: 'Beats', word: 'word', heartbeat: 10_000, cleansUp: true }]);
    await untilBegun(s, worker);
    await s.cancel(s.id(), 'no longer needed');
    assert.equal(await resultOf(handle), 'cleaned up');
    const events = await s.assertHistory(
      handle,
      `WorkflowExecutionStarted, ${TASK}, ActivityTaskScheduled, WorkflowExecutionCancelRequested, ${TASK},
       ActivityTaskCancelRequested, ActivityTaskStarted, ActivityTaskCanceled, ${TASK}, ${ACTIVITY}, ${TASK},
       WorkflowExecutionCompleted`,
    );
    const [details] = first(events, 'activityTaskCanceledEventAttributes').details?.payloads ?? [];
    assert.equal(String(details?.data), '"stopped"');
    await s.refusesLateSignal();
  },

  async a_workflow_need_not_wait_for_its_cancelled_activity(s: Scenario) {
    const worker = await s.worker();
    const handle = await s.start(Runner, [{ deed: 'Waits', word: 'word', heartbeat: 10_000 }]);
    await untilBegun(s, worker);
    await s.cancel(s.id());
    assert.ok((await failureOf(handle)) instanceof CancelledFailure);
    await s.assertHistory(
      handle,
      `WorkflowExecutionStarted, ${TASK}, ActivityTaskScheduled, WorkflowExecutionCancelRequested, ${TASK},
       ActivityTaskCancelRequested, WorkflowExecutionCanceled`,
    );
    await s.refusesLateSignal();
    worker.signs.release();
  },
};
