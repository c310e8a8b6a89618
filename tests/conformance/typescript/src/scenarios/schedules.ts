// Schedules: what they start and when, what they leave out, and that they outlive the server.

import assert from 'node:assert/strict';
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleDescription,
  type ScheduleHandle,
  type ScheduleOptions,
} from '@temporalio/client';
import { TASK } from '../harness/history';
import { resultOf, type Scenario } from '../harness/scenario';
import { Collector, Greeter } from '../workflows';
import { GREETED } from './start';

export const TWO_TASKS = `WorkflowExecutionStarted, ${TASK}, WorkflowExecutionSignaled, ${TASK}, WorkflowExecutionCompleted`;

/** A schedule of the scenario's, which acts every so often. */
async function schedule(
  s: Scenario,
  every: '1 second' | '1 hour',
  workflow: typeof Greeter | typeof Collector,
  options: Pick<ScheduleOptions, 'policies' | 'state'>,
): Promise<ScheduleHandle> {
  const args = workflow === Greeter ? ['you'] : [];
  return await s.client.schedule.create({
    scheduleId: s.id('schedule'),
    spec: { intervals: [{ every }] },
    action: { type: 'startWorkflow', workflowType: workflow.name, args, taskQueue: s.queue, workflowId: s.id() },
    ...options,
  });
}

async function untilSchedule(
  s: Scenario,
  handle: ScheduleHandle,
  what: string,
  holds: (found: ScheduleDescription) => boolean,
): Promise<ScheduleDescription> {
  return await s.until(what, async () => {
    const found = await handle.describe();
    return holds(found) && found;
  }) as ScheduleDescription;
}

/** The workflows that a schedule has started, the oldest first: their ids and runs. */
function startedBy(found: ScheduleDescription): [string, string][] {
  return found.info.recentActions.map(({ action: { workflow } }) => [workflow.workflowId, workflow.firstExecutionRunId]);
}

async function greetsOnce(s: Scenario, id: string, runId: string): Promise<void> {
  assert.equal(await resultOf(s.client.workflow.getHandle(id, runId)), 'Hello, you!');
  await s.assertRun(id, runId, GREETED);
}

async function goes(s: Scenario, handle: ScheduleHandle): Promise<void> {
  await handle.delete();
  const error = await s.refused(() => handle.describe(), 'NotFound');
  assert.ok(error instanceof ScheduleNotFoundError);
}

export const scenarios = {
  async a_schedule_acts_until_its_actions_are_used_up(s: Scenario) {
    await s.worker();
    const create = () => schedule(s, '1 second', Greeter, { state: { remainingActions: 2 } });
    const handle = await create();
    let found = await untilSchedule(s, handle, 'two actions', ({ info }) => info.numActionsTaken === 2);
    assert.equal(found.state.remainingActions ?? 0, 0);
    assert.equal(found.info.nextActionTimes.length, 0);
    for (const [id, runId] of startedBy(found)) await greetsOnce(s, id, runId);
    await handle.pause('enough');
    found = await untilSchedule(s, handle, 'the pause', ({ state }) => state.paused);
    assert.equal(found.state.note, 'enough');
    const error = await s.refused(create, 'AlreadyExists');
    assert.ok(error instanceof ScheduleAlreadyRunning);
    await goes(s, handle);
  },

  async a_schedule_skips_what_overlaps(s: Scenario) {
    await s.worker();
    const handle = await schedule(s, '1 hour', Collector, { state: { paused: true } });
    // This SDK lets all overlap unless it is told otherwise.
    await handle.trigger(ScheduleOverlapPolicy.SKIP);
    let found = await untilSchedule(s, handle, 'the first one to run', ({ info }) => info.runningActions.length === 1);
    const [running] = found.info.runningActions;
    assert.ok(running);
    const { workflowId, firstExecutionRunId } = running.workflow;
    const first = s.client.workflow.getHandle(workflowId, firstExecutionRunId);
    await s.until('its first task', async () => (await s.events(workflowId)).length === 4);
    await handle.trigger(ScheduleOverlapPolicy.SKIP);
    found = await untilSchedule(s, handle, 'the second one to be skipped', ({ info }) => info.numActionsSkippedOverlap === 1);
    assert.equal(found.info.numActionsTaken, 1);
    assert.deepEqual(found.info.runningActions, [running]);
    await s.signal(workflowId, 'give', 'end');
    assert.deepEqual(await resultOf(first), ['end']);
    await s.assertRun(workflowId, firstExecutionRunId, TWO_TASKS);
    await s.refusesLateSignal(workflowId);
  },

  async a_backfill_acts_for_every_time_of_its_range(s: Scenario) {
    await s.worker();
    const handle = await schedule(s, '1 hour', Greeter, { state: { paused: true } });
    const [start, end] = [new Date('2024-01-01T00:00:00Z'), new Date('2024-01-01T02:00:00Z')];
    await handle.backfill({ start, end, overlap: ScheduleOverlapPolicy.ALLOW_ALL });
    const found = await untilSchedule(s, handle, 'all of them', ({ info }) => info.numActionsTaken === 3);
    for (const [hour, [id, runId]] of startedBy(found).entries()) {
      assert.equal(id, `${s.id()}-2024-01-01T0${hour}:00:00Z`);
      await greetsOnce(s, id, runId);
    }
    await goes(s, handle);
  },
};

export const withTheServer = {
  /** Its workflows wait for a worker until the server is back: so none of their tasks is lost with it. */
  async a_schedule_outlives_the_server(s: Scenario) {
    const policies = { overlap: ScheduleOverlapPolicy.ALLOW_ALL };
    const handle = await schedule(s, '1 second', Greeter, { policies, state: { remainingActions: 3 } });
    await untilSchedule(s, handle, 'the first action', ({ info }) => info.numActionsTaken >= 1);
    await s.restartServer();
    const found = await untilSchedule(s, handle, 'the last action', ({ info }) => info.numActionsTaken === 3);
    assert.equal(found.state.remainingActions ?? 0, 0);
    await s.worker();
    for (const [id, runId] of startedBy(found)) await greetsOnce(s, id, runId);
    assert.equal(new Set(startedBy(found).map(([id]) => id)).size, 3);
    await goes(s, handle);
  },
};
