// Workflows among themselves: children, and signals from one to another.

import assert from 'node:assert/strict';
import { first, TASK } from '../harness/history';
import { resultOf, type Scenario } from '../harness/scenario';
import { Collector, Leaver, Parent, Teller } from '../workflows';
import { WAITING } from './start';

const BORE = `WorkflowExecutionStarted, ${TASK}, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted,
  ${TASK}`;
const TOLD = `SignalExternalWorkflowExecutionInitiated, ExternalWorkflowExecutionSignaled, ${TASK}`;

/** A parent that has seen its child start, and will do nothing before the child ends. */
async function parent(s: Scenario) {
  const handle = await s.start(Parent, [s.id('kid')]);
  await s.untilEvent('WorkflowTaskCompleted', 2);
  return handle;
}

async function tell(s: Scenario, how: string): Promise<void> {
  await s.signal(s.id('kid'), 'go', how);
}

export const scenarios = {
  async a_child_gives_its_result_to_its_parent(s: Scenario) {
    await s.worker();
    const handle = await parent(s);
    await tell(s, 'well');
    assert.equal(await resultOf(handle), 'kid well');
    const expected = `${BORE}, ChildWorkflowExecutionCompleted, ${TASK}, WorkflowExecutionCompleted`;
    await s.assertHistory(handle, expected);
    await s.refusesLateSignal(s.id('kid'));
  },

  async a_child_that_fails_tells_its_parent_why(s: Scenario) {
    await s.worker();
    const handle = await parent(s);
    await tell(s, 'fail');
    assert.equal(await resultOf(handle), 'failed: as told Told');
    await s.assertHistory(handle, `${BORE}, ChildWorkflowExecutionFailed, ${TASK}, WorkflowExecutionCompleted`);
    await s.refusesLateSignal(s.id('kid'));
  },

  async a_parent_that_completes_ends_its_child(s: Scenario) {
    await s.worker();
    const handle = await s.start(Leaver, [s.id('kid'), `${s.queue}-nobody`]);
    assert.equal(await resultOf(handle), 'left');
    await s.assertHistory(handle, `${BORE}, WorkflowExecutionCompleted`);
    await s.untilEvent('WorkflowExecutionTerminated', 1, 'kid');
    const events = await s.assertRun(s.id('kid'), '', `${WAITING}, WorkflowExecutionTerminated`);
    s.same('reason', first(events, 'workflowExecutionTerminatedEventAttributes').reason);
    await s.refusesLateSignal(s.id('kid'));
  },

  async a_workflow_signals_another(s: Scenario) {
    await s.worker();
    const listener = await s.start(Collector, [], { suffix: 'listener' });
    const handle = await s.start(Teller, [s.id('listener'), ['one', 'end']]);
    assert.equal(await resultOf(handle), 'told');
    assert.deepEqual(await resultOf(listener), ['one', 'end']);
    await s.assertHistory(handle, `WorkflowExecutionStarted, ${TASK}, ${TOLD}, ${TOLD}, WorkflowExecutionCompleted`);
    for (const { workflowExecutionSignaledEventAttributes: it } of await s.events(s.id('listener'))) {
      if (it) assert.equal(it.externalWorkflowExecution?.workflowId, s.id());
    }
    await s.refusesLateSignal();
  },
};

export const withTheServer = {
  async a_child_outlives_the_server(s: Scenario) {
    await s.worker();
    const handle = await parent(s);
    await s.restartServer();
    await tell(s, 'well');
    assert.equal(await resultOf(handle), 'kid well');
    const expected = `${BORE}, ChildWorkflowExecutionCompleted, ${TASK}, WorkflowExecutionCompleted`;
    await s.assertHistory(handle, expected);
    await s.refusesLateSignal(s.id('kid'));
  },
};
