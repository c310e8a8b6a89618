// Workflow tasks: sticky queues and eviction, long histories, tasks that fail, workers that leave.

import assert from 'node:assert/strict';
import { Client } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { first, TASK } from '../harness/history';
import { resultOf, type Scenario } from '../harness/scenario';
import { Running } from '../harness/worker';
import { Clumsy, Collector, end, Greeter, Scribe, words } from '../workflows';
import { WAITING } from './start';

const { TaskQueueKind, WorkflowTaskFailedCause } = temporal.api.enums.v1;
const NORMAL = TaskQueueKind.TASK_QUEUE_KIND_NORMAL;
const STICKY = TaskQueueKind.TASK_QUEUE_KIND_STICKY;
const SIGNALED = `WorkflowExecutionSignaled, ${TASK}`;
export const THREE_TASKS = `WorkflowExecutionStarted, ${TASK}, ${SIGNALED}, ${SIGNALED}, WorkflowExecutionCompleted`;

/** The kinds of queue to which the workflow tasks of this workflow were scheduled. */
async function collect(s: Scenario): Promise<unknown[]> {
  const handle = await s.start(Collector, []);
  await s.untilEvent('WorkflowTaskCompleted', 1);
  await s.give('one');
  await s.untilEvent('WorkflowTaskCompleted', 2);
  await s.give('end');
  assert.deepEqual(await resultOf(handle), ['one', 'end']);
  const events = await s.assertHistory(handle, THREE_TASKS);
  await s.refusesLateSignal();
  return events.flatMap((event) => event.workflowTaskScheduledEventAttributes?.taskQueue?.kind ?? []);
}

export const scenarios = {
  async later_tasks_go_to_the_sticky_queue(s: Scenario) {
    await s.worker();
    assert.deepEqual(await collect(s), [NORMAL, STICKY, STICKY]);
  },

  async a_worker_without_a_cache_replays_every_time(s: Scenario) {
    await s.worker({ maxCachedWorkflows: 0 });
    assert.deepEqual(await collect(s), [NORMAL, NORMAL, NORMAL]);
  },

  /** Three workflows and room for two, the least that this SDK takes: each task of one evicts another. */
  async evicted_workflows_come_back_by_replay(s: Scenario) {
    await s.worker({ maxCachedWorkflows: 2, maxConcurrentWorkflowTaskExecutions: 2 });
    const suffixes = ['a', 'b', 'c'];
    const handles = [];
    for (const suffix of suffixes) {
      handles.push(await s.start(Collector, [], { suffix }));
      await s.untilEvent('WorkflowTaskCompleted', 1, suffix);
    }
    for (const [round, word] of ['one', 'end'].entries()) {
      for (const suffix of suffixes) {
        await s.give(word, suffix);
        await s.untilEvent('WorkflowTaskCompleted', round + 2, suffix);
      }
    }
    for (const handle of handles) {
      assert.deepEqual(await resultOf(handle), ['one', 'end']);
      assert.deepEqual(await handle.query(words), ['one', 'end']);
      await s.assertHistory(handle, THREE_TASKS);
    }
    await s.refusesLateSignal(s.id('a'));
  },

  /** More events than the server gives in one page: a new worker must read on to replay. */
  async a_long_history_is_read_in_pages(s: Scenario) {
    const writer = await s.worker();
    const handle = await s.start(Scribe, [1_200]);
    await s.untilEvent('WorkflowTaskCompleted');
    await writer.stop();
    await handle.signal(end);
    await s.worker();
    assert.equal(await resultOf(handle), 1_200);
    await s.assertHistory(
      handle,
      `WorkflowExecutionStarted, ${TASK}, WorkflowPropertiesModified*1200, ${SIGNALED}, WorkflowExecutionCompleted`,
    );
    await s.refusesLateSignal();
  },

  async a_failed_task_is_tried_again(s: Scenario) {
    await s.worker();
    const handle = await s.start(Clumsy, []);
    assert.equal(await resultOf(handle), 'stood up');
    const fell = 'WorkflowTaskStarted, WorkflowTaskFailed';
    const events = await s.assertHistory(handle, `${WAITING}, ${fell}, ${TASK}, WorkflowExecutionCompleted`);
    const it = first(events, 'workflowTaskFailedEventAttributes');
    s.same('cause', WorkflowTaskFailedCause[it.cause ?? 0]);
    s.same('failure', it.failure?.message);
    await s.refusesLateSignal();
  },

  async a_namespace_that_does_not_exist_is_refused(s: Scenario) {
    const handle = await s.start(Greeter, ['here']);
    const namespace = `nowhere-${s.id()}`;
    const elsewhere = new Client({ connection: s.client.connection, namespace });
    const start = { taskQueue: s.queue, workflowId: s.id('there'), args: ['there'] as [string] };
    await s.refused(() => elsewhere.workflow.start(Greeter, start), 'NotFound');
    const connection = await s.nativeConnection();
    const idle = Running.start(connection, s.queue, s.around.bundle, 'nothing', { namespace });
    await assert.rejects(idle.then((running) => running.stop()), /not found/i);
    await s.assertHistory(handle, WAITING);
  },
};
