// Starting: ids in use, ids used before, eagerly, with a signal, with a cron schedule.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Client, WorkflowContinuedAsNewError, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { TerminatedFailure, type WorkflowIdConflictPolicy, type WorkflowIdReusePolicy } from '@temporalio/common';
import { first, TASK, type Event } from '../harness/history';
import { failureOf, resultOf, type Scenario } from '../harness/scenario';
import { Collector, Flaky, give, Greeter } from '../workflows';

export const WAITING = 'WorkflowExecutionStarted, WorkflowTaskScheduled';
export const GREETED = `WorkflowExecutionStarted, ${TASK}, WorkflowExecutionCompleted`;
export const FAILED = `WorkflowExecutionStarted, ${TASK}, WorkflowExecutionFailed`;

export const scenarios = {
  async a_workflow_gives_its_result(s: Scenario) {
    await s.worker();
    const handle = await s.start(Greeter, ['Weft']);
    assert.equal(await resultOf(handle), 'Hello, Weft!');
    await s.assertHistory(handle, GREETED);
    await s.refusesLateSignal();
    await s.refusesLateSignal(s.id('absent'));
  },

  async an_id_in_use_is_refused(s: Scenario) {
    const handle = await s.start(Collector, []);
    const error = await s.refused(() => s.start(Collector, []), 'AlreadyExists');
    assert.ok(error instanceof WorkflowExecutionAlreadyStartedError);
    await s.assertHistory(handle, WAITING);
  },

  async an_id_in_use_can_be_joined_or_taken_over(s: Scenario) {
    const start = (workflowIdConflictPolicy: WorkflowIdConflictPolicy) =>
      s.start(Collector, [], { workflowIdConflictPolicy });
    const handle = await s.start(Collector, []);
    const joined = await start('USE_EXISTING');
    assert.equal(joined.firstExecutionRunId, handle.firstExecutionRunId);
    const heir = await start('TERMINATE_EXISTING');
    assert.notEqual(heir.firstExecutionRunId, handle.firstExecutionRunId);
    assert.ok((await failureOf(handle)) instanceof TerminatedFailure);
    const events = await s.assertHistory(handle, `${WAITING}, WorkflowExecutionTerminated`);
    const it = first(events, 'workflowExecutionTerminatedEventAttributes');
    s.same('reason', it.reason);
    s.same('identity', it.identity);
    await s.assertHistory(heir, WAITING);
    await s.refused(() => start('FAIL'), 'AlreadyExists');
  },

  async reuse_of_an_id_depends_on_how_the_last_run_ended(s: Scenario) {
    await s.worker();
    const start = (workflowIdReusePolicy: WorkflowIdReusePolicy, attempt: number) =>
      s.start(Flaky, [attempt], { workflowIdReusePolicy });
    const one = await start('REJECT_DUPLICATE', 1);
    assert.equal(await resultOf(one), 'run 1');
    await s.refused(() => start('REJECT_DUPLICATE', 1), 'AlreadyExists');
    await s.refused(() => start('ALLOW_DUPLICATE_FAILED_ONLY', 1), 'AlreadyExists');
    const two = await start('ALLOW_DUPLICATE', 2);
    await failureOf(two);
    await s.refused(() => start('REJECT_DUPLICATE', 1), 'AlreadyExists');
    const three = await start('ALLOW_DUPLICATE_FAILED_ONLY', 1);
    assert.equal(await resultOf(three), 'run 1');
    await s.assertHistory(one, GREETED);
    await s.assertHistory(two, FAILED);
    await s.assertHistory(three, GREETED);
  },

  async a_signal_can_start_its_workflow(s: Scenario) {
    const say = (word: string) =>
      s.client.workflow.signalWithStart(Collector, {
        taskQueue: s.queue,
        workflowId: s.id(),
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        signal: give,
        signalArgs: [word],
      });
    const handle = await say('first');
    const joined = await say('end');
    assert.equal(joined.signaledRunId, handle.signaledRunId);
    await s.worker();
    assert.deepEqual(await resultOf(handle), ['first', 'end']);
    await s.refused(() => say('late'), 'AlreadyExists');
    await s.assertRun(
      s.id(),
      handle.signaledRunId,
      `WorkflowExecutionStarted, WorkflowExecutionSignaled, WorkflowTaskScheduled, WorkflowExecutionSignaled,
       WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted`,
    );
  },

  /** With a worker on the same connection the answer to the start brings the first workflow task along. */
  async a_start_can_bring_the_first_task_along(s: Scenario) {
    const connection = await s.nativeConnection();
    await s.workerOn(connection);
    const client = new Client({ connection });
    // The worker announces itself to its client when it first polls; until then nothing is asked for eagerly.
    await s.until('an eager start', async () => {
      const workflowId = s.id(randomUUID());
      const start = { taskQueue: s.queue, workflowId, args: ['eager'] as [string], requestEagerStart: true };
      const handle = await client.workflow.start(Greeter, start);
      assert.equal(await resultOf(handle), 'Hello, eager!');
      const events = await s.assertHistory(handle, GREETED);
      return first(events, 'workflowExecutionStartedEventAttributes').eagerExecutionAccepted;
    });
    await s.refusesLateSignal(s.id('absent'));
  },

  async a_cron_schedule_starts_run_after_run(s: Scenario) {
    await s.worker();
    const handle = await s.start(Greeter, ['again'], { cronSchedule: '@every 1s', followRuns: false });
    // The SDK says that this one went on, though its history says: completed.
    await assert.rejects(handle.result(), WorkflowContinuedAsNewError);
    const second = nextRun(await s.assertHistory(handle, GREETED));
    await s.until('the second run to end', async () => (await s.events(s.id(), second)).length === 5);
    nextRun(await s.assertRun(s.id(), second, GREETED));
    await s.client.workflow.getHandle(s.id()).terminate('enough');
    const nonsense = { suffix: 'other', cronSchedule: 'every so often' };
    await s.refused(() => s.start(Greeter, [''], nonsense), 'InvalidArgument');
  },
};

/** The run that follows on this one. */
function nextRun(events: Event[]): string {
  const next = first(events, 'workflowExecutionCompletedEventAttributes').newExecutionRunId;
  assert.ok(next, 'nothing follows');
  return next;
}
