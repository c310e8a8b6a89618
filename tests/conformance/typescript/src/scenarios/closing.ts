// How workflows end: cancelled, terminated, failed, retried, as new.

import assert from 'node:assert/strict';
import { WorkflowContinuedAsNewError } from '@temporalio/client';
import { CancelledFailure, TerminatedFailure } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { first, TASK, type Event } from '../harness/history';
import { failureOf, resultOf, type Scenario } from '../harness/scenario';
import { Collector, Flaky, Relay } from '../workflows';
import { FAILED, GREETED } from './start';

const { RetryState } = temporal.api.enums.v1;

function failed(events: Event[]) {
  return first(events, 'workflowExecutionFailedEventAttributes');
}

function started(events: Event[]) {
  return first(events, 'workflowExecutionStartedEventAttributes');
}

export const scenarios = {
  async a_cancelled_workflow_ends_cancelled(s: Scenario) {
    await s.worker();
    const handle = await s.start(Collector, []);
    await s.untilEvent('WorkflowTaskCompleted');
    await s.cancel(s.id(), 'enough');
    assert.ok((await failureOf(handle)) instanceof CancelledFailure);
    const asked = 'WorkflowExecutionCancelRequested';
    const expected = `WorkflowExecutionStarted, ${TASK}, ${asked}, ${TASK}, WorkflowExecutionCanceled`;
    const events = await s.assertHistory(handle, expected);
    assert.equal(first(events, 'workflowExecutionCancelRequestedEventAttributes').cause, 'enough');
    // What is asked for is so already: no refusal, and nothing is written.
    await handle.cancel();
    assert.deepEqual(await s.events(), events);
    await s.refused(() => s.client.workflow.getHandle(s.id('absent')).cancel(), 'NotFound');
  },

  async a_terminated_workflow_is_over_at_once(s: Scenario) {
    await s.worker();
    const handle = await s.start(Collector, []);
    await s.untilEvent('WorkflowTaskCompleted');
    await handle.terminate('out of order');
    assert.ok((await failureOf(handle)) instanceof TerminatedFailure);
    const events = await s.assertHistory(handle, `WorkflowExecutionStarted, ${TASK}, WorkflowExecutionTerminated`);
    const it = first(events, 'workflowExecutionTerminatedEventAttributes');
    assert.deepEqual([it.reason, it.identity], ['out of order', 'conformance-typescript']);
    await s.refused(() => handle.terminate('again'), 'NotFound');
    await s.refused(() => s.client.workflow.getHandle(s.id('absent')).terminate('again'), 'NotFound');
  },

  async a_workflow_is_retried_as_its_policy_says(s: Scenario) {
    await s.worker();
    const handle = await s.start(Flaky, [2], { retry: { initialInterval: '1s' } });
    assert.equal(await resultOf(handle), 'run 2', 'the result is that of the last run');
    const ended = failed(await s.assertHistory(handle, FAILED));
    assert.equal(ended.retryState, RetryState.RETRY_STATE_IN_PROGRESS);
    const it = started(await s.assertRun(s.id(), ended.newExecutionRunId ?? '', GREETED));
    assert.equal(it.attempt, 2);
    assert.equal(it.continuedExecutionRunId, handle.firstExecutionRunId);
    assert.equal(it.continuedFailure?.message, 'run 1 fails');
    await s.refusesLateSignal();
  },

  async a_workflow_that_fails_for_good_is_not_retried(s: Scenario) {
    await s.worker();
    const handle = await s.start(Flaky, [2], { retry: { nonRetryableErrorTypes: ['Planned'] } });
    assert.equal((await failureOf(handle)).message, 'run 1 fails');
    const ended = failed(await s.assertHistory(handle, FAILED));
    assert.equal(ended.retryState, RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE);
    assert.equal(ended.newExecutionRunId, '');
    await s.refusesLateSignal();
    const nonsense = { suffix: 'other', retry: { backoffCoefficient: 0.5 } };
    await s.refused(() => s.start(Flaky, [2], nonsense), 'InvalidArgument');
  },

  async a_workflow_goes_on_as_new(s: Scenario) {
    await s.worker();
    const handle = await s.start(Relay, [1, 3]);
    assert.equal(await resultOf(handle), 3);
    let run = handle.firstExecutionRunId;
    for (let n = 0; n < 2; n++) {
      const expected = `WorkflowExecutionStarted, ${TASK}, WorkflowExecutionContinuedAsNew`;
      const events = await s.assertRun(s.id(), run, expected);
      run = first(events, 'workflowExecutionContinuedAsNewEventAttributes').newExecutionRunId ?? '';
    }
    const it = started(await s.assertRun(s.id(), run, GREETED));
    assert.equal(it.firstExecutionRunId, handle.firstExecutionRunId);
    const alone = s.client.workflow.getHandle(s.id(), handle.firstExecutionRunId, { followRuns: false });
    await assert.rejects(alone.result(), WorkflowContinuedAsNewError);
    await s.refusesLateSignal();
  },
};
