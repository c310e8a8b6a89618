// Signals and queries.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Client, QueryRejectCondition, QueryRejectedError } from '@temporalio/client';
import { defaultPayloadConverter, toPayloads } from '@temporalio/common';
import { TASK } from '../harness/history';
import { resultOf, type Scenario } from '../harness/scenario';
import { Collector, words } from '../workflows';
import { WAITING } from './start';

export const TOOK_ALL = `WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted`;

export function someWords(): string[] {
  return [...Array.from({ length: 20 }, (_, n) => `word ${n}`), 'end'];
}

/** A signal with a request id: the SDK makes one for each of its calls. */
export function once(s: Scenario): () => Promise<unknown> {
  const requestId = randomUUID();
  return () =>
    s.service.signalWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: s.id() },
      signalName: 'give',
      input: { payloads: toPayloads(defaultPayloadConverter, 'once') },
      requestId,
    });
}

export const scenarios = {
  async signals_keep_their_order(s: Scenario) {
    const handle = await s.start(Collector, []);
    for (const word of someWords()) await s.give(word);
    await s.worker();
    assert.deepEqual(await resultOf(handle), someWords());
    await s.assertHistory(handle, `${WAITING}, WorkflowExecutionSignaled*21, ${TOOK_ALL}`);
    await s.refusesLateSignal();
  },

  async a_repeated_signal_is_taken_once(s: Scenario) {
    const handle = await s.start(Collector, []);
    const signal = once(s);
    await signal();
    await signal();
    await s.give('end');
    await s.worker();
    assert.deepEqual(await resultOf(handle), ['once', 'end']);
    await s.assertHistory(handle, `${WAITING}, WorkflowExecutionSignaled*2, ${TOOK_ALL}`);
    await s.refusesLateSignal();
  },

  async a_query_answers_for_open_and_closed_workflows(s: Scenario) {
    await s.worker();
    const handle = await s.start(Collector, []);
    assert.deepEqual(await handle.query(words), []);
    await s.give('one');
    await s.untilEvent('WorkflowTaskCompleted', 2);
    assert.deepEqual(await handle.query(words), ['one']);
    await s.give('end');
    assert.deepEqual(await resultOf(handle), ['one', 'end']);
    assert.deepEqual(await handle.query(words), ['one', 'end'], 'a closed workflow is replayed to be asked');
    await s.refused(() => handle.query('weight'), 'InvalidArgument');
    await s.refused(() => s.client.workflow.getHandle(s.id('absent')).query(words), 'NotFound');
    const signaled = `WorkflowExecutionSignaled, ${TASK}`;
    const expected = `WorkflowExecutionStarted, ${TASK}, ${signaled}, ${signaled}, WorkflowExecutionCompleted`;
    await s.assertHistory(handle, expected);
  },

  async a_query_can_be_rejected_by_status(s: Scenario) {
    await s.worker();
    const handle = await s.start(Collector, []);
    const ask = (queryRejectCondition: QueryRejectCondition) => {
      const client = new Client({ connection: s.client.connection, workflow: { queryRejectCondition } });
      return client.workflow.getHandle(s.id()).query(words);
    };
    assert.deepEqual(await ask(QueryRejectCondition.NOT_OPEN), []);
    await s.give('end');
    assert.deepEqual(await resultOf(handle), ['end']);
    const rejected = await ask(QueryRejectCondition.NOT_OPEN).catch((error: unknown) => error);
    assert.ok(rejected instanceof QueryRejectedError, String(rejected));
    s.same('status', rejected.status);
    assert.deepEqual(await ask(QueryRejectCondition.NOT_COMPLETED_CLEANLY), ['end']);
    const signaled = `WorkflowExecutionSignaled, ${TASK}`;
    await s.assertHistory(handle, `WorkflowExecutionStarted, ${TASK}, ${signaled}, WorkflowExecutionCompleted`);
    await s.refusesLateSignal();
  },
};
