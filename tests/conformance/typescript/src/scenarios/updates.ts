// Updates: results, rejections, with a start, across a crash.

import assert from 'node:assert/strict';
import { WithStartWorkflowOperation, WorkflowUpdateFailedError, WorkflowUpdateStage } from '@temporalio/client';
import type { WorkflowIdConflictPolicy } from '@temporalio/common';
import { TASK } from '../harness/history';
import { resultOf, type Scenario } from '../harness/scenario';
import { close, nod, pay, paySlowly, Till } from '../workflows';

const READY = `WorkflowExecutionStarted, ${TASK}`;
const ACCEPTED = `${TASK}, WorkflowExecutionUpdateAccepted`;
const UPDATED = `${ACCEPTED}, WorkflowExecutionUpdateCompleted`;
const CLOSED = `WorkflowExecutionSignaled, ${TASK}, WorkflowExecutionCompleted`;

/** A till that has run its first task: what comes next is a task of its own. */
async function open(s: Scenario) {
  const till = await s.start(Till, []);
  await s.untilEvent('WorkflowTaskCompleted');
  return till;
}

async function pays(s: Scenario, amount: number, updateId?: string): Promise<number> {
  return await s.client.workflow.getHandle(s.id()).executeUpdate(pay, { args: [amount], updateId });
}

async function closes(s: Scenario, sum: number): Promise<void> {
  const till = s.client.workflow.getHandle(s.id());
  await till.signal(close);
  assert.equal(await resultOf(till), sum);
  await s.refused(() => pays(s, 1, 'new'), 'NotFound');
}

export const scenarios = {
  async an_update_changes_the_workflow_and_has_a_result(s: Scenario) {
    await s.worker();
    const till = await open(s);
    assert.equal(await pays(s, 3), 3);
    assert.equal(await pays(s, 4, 'second'), 7);
    // What was asked once is answered so again, also after the end.
    assert.equal(await pays(s, 9, 'second'), 7);
    await closes(s, 7);
    assert.equal(await pays(s, 9, 'second'), 7);
    await s.assertHistory(till, `${READY}, ${UPDATED}, ${UPDATED}, ${CLOSED}`);
  },

  async a_rejected_update_leaves_no_trace(s: Scenario) {
    await s.worker();
    const till = await open(s);
    const rejected = await pays(s, -1, 'debt').catch((error: unknown) => error);
    assert.ok(rejected instanceof WorkflowUpdateFailedError, String(rejected));
    assert.equal(rejected.cause?.message, 'no debts');
    await s.assertHistory(till, READY);
    assert.equal(await pays(s, 1), 1);
    await closes(s, 1);
    await s.assertHistory(till, `${READY}, ${UPDATED}, ${CLOSED}`);
  },

  async an_update_can_start_its_workflow(s: Scenario) {
    await s.worker();
    const start = async (workflowIdConflictPolicy: WorkflowIdConflictPolicy, amount: number) => {
      const options = { workflowId: s.id(), taskQueue: s.queue, workflowIdConflictPolicy };
      const startWorkflowOperation = new WithStartWorkflowOperation(Till, options);
      return await s.client.workflow.executeUpdateWithStart(pay, { args: [amount], startWorkflowOperation });
    };
    assert.equal(await start('FAIL', 3), 3);
    assert.equal(await start('USE_EXISTING', 4), 7);
    await closes(s, 7);
    await s.assertRun(s.id(), '', `WorkflowExecutionStarted, ${UPDATED}, ${UPDATED}, ${CLOSED}`);
  },
};

export const withTheServer = {
  async accepted_and_completed_updates_survive_the_server(s: Scenario) {
    await s.worker();
    const till = await open(s);
    const waitForStage = WorkflowUpdateStage.ACCEPTED;
    await till.startUpdate(paySlowly, { args: [5], updateId: 'slow', waitForStage });
    await s.restartServer();
    await till.signal(nod);
    await s.untilEvent('WorkflowExecutionUpdateCompleted');
    await s.restartServer();
    assert.equal(await pays(s, 9, 'slow'), 5);
    await closes(s, 5);
    const done = `WorkflowExecutionSignaled, ${TASK}, WorkflowExecutionUpdateCompleted`;
    await s.assertHistory(till, `${READY}, ${ACCEPTED}, ${done}, ${CLOSED}`);
  },
};
