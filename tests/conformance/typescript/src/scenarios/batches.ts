// Batch operations: one thing done to many workflows by the server, which may die meanwhile.

import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { isGrpcServiceError, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { count, first } from '../harness/history';
import { resultOf, type Scenario } from '../harness/scenario';
import { Collector } from '../workflows';
import { TWO_TASKS } from './schedules';
import { WAITING } from './start';

const { BatchOperationState } = temporal.api.enums.v1;
const RESOURCE_EXHAUSTED = 8;

type Run = WorkflowHandleWithFirstExecutionRunId<typeof Collector>;
type Batch = temporal.api.workflowservice.v1.IStartBatchOperationRequest;

async function collectors(s: Scenario, count: number): Promise<Run[]> {
  const suffixes = Array.from({ length: count }, (_, n) => String(n));
  return await Promise.all(suffixes.map((suffix) => s.start(Collector, [], { suffix })));
}

/** A query that finds the workflows of this scenario; Temporal's index follows a little later. */
async function untilListed(s: Scenario, count: number): Promise<string> {
  const query = `TaskQueue = '${s.queue}' AND WorkflowType = 'Collector'`;
  await s.until('the index to know of all', async () => (await s.client.workflow.count(query)).count === count);
  return query;
}

/** Asks again for as long as another batch runs: there is one at a time. */
async function inTurn(s: Scenario, batch: Batch): Promise<void> {
  for (;;) {
    try {
      await s.service.startBatchOperation({ namespace: 'default', jobId: s.id('job'), reason: 'the reason', ...batch });
      return;
    } catch (error) {
      if (!isGrpcServiceError(error) || Number(error.code) !== RESOURCE_EXHAUSTED) throw error;
    }
    await setTimeout(50);
  }
}

function gives(word: string): Batch {
  const input = { payloads: [defaultPayloadConverter.toPayload(word)] };
  return { signalOperation: { signal: 'give', input, identity: 'operator' } };
}

async function describe(s: Scenario): Promise<temporal.api.workflowservice.v1.IDescribeBatchOperationResponse> {
  return await s.service.describeBatchOperation({ namespace: 'default', jobId: s.id('job') });
}

/** The batch comes to its end, with all of so many done. */
async function untilDone(s: Scenario, all: number): Promise<void> {
  const found = await s.until('the batch to end', async () => {
    const found = await describe(s);
    return found.state !== BatchOperationState.BATCH_OPERATION_STATE_RUNNING && found;
  });
  assert.ok(found);
  assert.equal(found.state, BatchOperationState.BATCH_OPERATION_STATE_COMPLETED);
  const counts = [found.totalOperationCount, found.completeOperationCount, found.failureOperationCount];
  assert.deepEqual(counts.map(Number), [all, all, 0]);
  assert.equal(found.reason, 'the reason');
}

export const scenarios = {
  async a_batch_terminates_what_a_query_finds(s: Scenario) {
    const runs = await collectors(s, 3);
    const visibilityQuery = await untilListed(s, 3);
    const batch = { visibilityQuery, terminationOperation: { identity: 'operator' } };
    await inTurn(s, batch);
    await untilDone(s, 3);
    for (const run of runs) {
      const events = await s.assertHistory(run, `${WAITING}, WorkflowExecutionTerminated`);
      assert.equal(first(events, 'workflowExecutionTerminatedEventAttributes').reason, 'the reason');
    }
    // The id of a batch is given once.
    await s.refused(() => inTurn(s, batch), 'AlreadyExists');
  },

  async a_batch_signals_listed_workflows(s: Scenario) {
    await s.worker();
    const runs = await collectors(s, 3);
    for (const n of runs.keys()) await s.untilEvent('WorkflowTaskCompleted', 1, String(n));
    const executions = runs.map(({ workflowId, firstExecutionRunId }, n) => ({
      workflowId,
      runId: n > 0 ? firstExecutionRunId : '',
    }));
    await inTurn(s, { executions, ...gives('end') });
    await untilDone(s, 3);
    for (const run of runs) {
      assert.deepEqual(await resultOf(run), ['end']);
      await s.assertHistory(run, TWO_TASKS);
    }
    const stop = { namespace: 'default', jobId: s.id('job'), reason: 'too late', identity: 'operator' };
    await s.refused(() => s.service.stopBatchOperation(stop), 'NotFound');
  },
};

export const withTheServer = {
  /** Its workflows wait for a worker until the server is back: so none of their tasks is lost with it. */
  async a_batch_outlives_the_server(s: Scenario) {
    const runs = await collectors(s, 80);
    await inTurn(s, { visibilityQuery: await untilListed(s, 80), ...gives('end') });
    await s.until('some to be signalled', async () => Number((await describe(s)).completeOperationCount) >= 10);
    await s.restartServer();
    await untilDone(s, 80);
    await s.worker();
    for (const [n, run] of runs.entries()) {
      assert.deepEqual(await resultOf(run), ['end']);
      assert.equal(count(await s.events(run.workflowId), 'WorkflowExecutionSignaled'), 1);
      if (n >= 3) continue;
      const answered = 'WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted';
      await s.assertHistory(run, `${WAITING}, WorkflowExecutionSignaled, ${answered}`);
    }
    await s.refusesLateSignal(s.id('0'));
  },
};
