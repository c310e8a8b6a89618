// kill -9 of a worker process, and of worker and server together: another worker goes on.

import assert from 'node:assert/strict';
import { temporal } from '@temporalio/proto';
import { ACTIVITY, first, TASK, type Event } from '../harness/history';
import { resultOf, type Scenario } from '../harness/scenario';
import { Collector, LocalRunner, Runner, Thinker, Tour } from '../workflows';
import { ONE_ACTIVITY } from './activities';
import { there, toured } from './load';
import { WAITING } from './start';

const { TaskQueueType, TimeoutType } = temporal.api.enums.v1;
const START_TO_CLOSE = TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE;
const UNANSWERED = 'WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskTimedOut';
const UNTAKEN = 'WorkflowTaskScheduled, WorkflowTaskTimedOut';

/** More than a worker has polls of its queue at once. */
const POLLS_MAX = 12;

/** The timeout of the first workflow task that timed out. */
function taskTimeout(events: Event[]) {
  return events.map((event) => event.workflowTaskTimedOutEventAttributes?.timeoutType).find((type) => type);
}

export const scenarios = {
  async another_worker_goes_on_with_the_activity_of_a_dead_one(s: Scenario) {
    const handle = await s.start(Runner, [{ deed: 'Hangs', word: 'page 1', heartbeat: 4_000 }]);
    const doomed = s.doomedWorker('activity');
    await s.until("the activity's heartbeat", async () => {
      const [pending] = (await s.describe()).pendingActivities ?? [];
      return pending?.heartbeatDetails;
    });
    await doomed.kill();
    await s.worker();
    assert.equal(await resultOf(handle), 'page 7', 'the next attempt knows what the one before said');
    const events = await s.events();
    const it = first(events, 'activityTaskStartedEventAttributes');
    assert.ok((it.attempt ?? 0) >= 2, `attempt ${it.attempt}`);
    assert.equal(it.lastFailure?.timeoutFailureInfo?.timeoutType, TimeoutType.TIMEOUT_TYPE_HEARTBEAT);
    // The dead worker was sticky; where its sticky queue still counted as polled, that task timed out first.
    const sticky = ONE_ACTIVITY.replace(ACTIVITY, `${ACTIVITY}, ${UNTAKEN}`);
    await s.assertHistory(handle, taskTimeout(events) ? sticky : ONE_ACTIVITY);
    await s.refusesLateSignal();
  },

  async another_worker_takes_the_workflow_task_of_a_dead_one(s: Scenario) {
    const handle = await s.start(Thinker, [], { workflowTaskTimeout: '4s' });
    const doomed = s.doomedWorker('workflow');
    await s.untilEvent('WorkflowTaskStarted');
    await doomed.kill();
    await s.worker();
    assert.equal(await resultOf(handle), 'thought');
    const expected = `WorkflowExecutionStarted, ${UNANSWERED}, ${TASK}, WorkflowExecutionCompleted`;
    assert.equal(taskTimeout(await s.assertHistory(handle, expected)), START_TO_CLOSE);
    await s.refusesLateSignal();
  },

  async another_worker_repeats_the_local_activity_of_a_dead_one(s: Scenario) {
    const handle = await s.start(LocalRunner, [{ deed: 'Hangs', word: 'again' }], { workflowTaskTimeout: '4s' });
    const doomed = s.doomedWorker('local activity');
    await s.untilEvent('WorkflowTaskStarted');
    await doomed.kill();
    await s.worker();
    assert.equal(await resultOf(handle), 'again');
    const expected = `WorkflowExecutionStarted, ${UNANSWERED}, ${TASK}, MarkerRecorded, WorkflowExecutionCompleted`;
    assert.equal(taskTimeout(await s.assertHistory(handle, expected)), START_TO_CLOSE);
    await s.refusesLateSignal();
  },

  async another_worker_replays_what_a_dead_one_had_in_its_cache(s: Scenario) {
    const handle = await s.start(Collector, []);
    const doomed = s.doomedWorker('nothing');
    for (const [done, word] of ['one', 'two'].entries()) {
      await s.untilEvent('WorkflowTaskCompleted', done + 1);
      await s.give(word);
    }
    await s.untilEvent('WorkflowTaskCompleted', 3);
    await doomed.kill();
    await s.give('end');
    await s.worker();
    assert.deepEqual(await resultOf(handle), ['one', 'two', 'end']);
    // The last task was meant for the dead worker's sticky queue, and came to the living one when its time was up. Where
    // the server had not noticed yet that the worker is dead, it was handed to it, and the time that ran was the task's.
    const lost = taskTimeout(await s.events()) === START_TO_CLOSE ? UNANSWERED : UNTAKEN;
    const signaled = `WorkflowExecutionSignaled, ${TASK}`;
    await s.assertHistory(
      handle,
      `WorkflowExecutionStarted, ${TASK}, ${signaled}, ${signaled}, WorkflowExecutionSignaled, ${lost}, ${TASK},
       WorkflowExecutionCompleted`,
    );
    await s.refusesLateSignal();
  },

  async a_worker_that_dies_while_it_waits_takes_no_task_with_it(s: Scenario) {
    const doomed = s.doomedWorker('nothing');
    const taskQueueType = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW;
    await s.until('the worker to poll', async () => {
      const request = { namespace: 'default', taskQueue: { name: s.queue }, taskQueueType };
      return ((await s.service.describeTaskQueue(request)).pollers ?? []).length > 0;
    });
    await doomed.kill();
    await s.worker();
    for (let n = 0; n < POLLS_MAX; n++) {
      const suffix = String(n);
      const handle = await s.start(Tour, [n, 100], { suffix, workflowTaskTimeout: '4s' });
      assert.equal(await resultOf(handle), there(n));
      // A poll of the dead worker may take one task, while the server has not noticed yet; then it is gone.
      const disturbed = taskTimeout(await s.events(s.id(suffix)));
      await s.assertHistory(handle, disturbed ? toured(`${UNANSWERED}, ${TASK}`) : toured());
      if (!disturbed) {
        await s.refusesLateSignal(s.id('0'));
        return;
      }
    }
    assert.fail('a dead worker takes task after task');
  },
};

export const withTheServer = {
  async server_and_worker_die_together(s: Scenario) {
    const handle = await s.start(Collector, []);
    await s.give('one');
    const doomed = s.doomedWorker('nothing');
    await s.untilEvent('WorkflowTaskCompleted');
    await doomed.kill();
    await s.restartServer();
    await s.give('end');
    await s.worker();
    assert.deepEqual(await resultOf(handle), ['one', 'end']);
    // The new server knows of no poller of the dead worker's sticky queue, so nothing has to time out.
    await s.assertHistory(
      handle,
      `${WAITING}, WorkflowExecutionSignaled, WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionSignaled,
       ${TASK}, WorkflowExecutionCompleted`,
    );
    await s.refusesLateSignal();
  },
};
