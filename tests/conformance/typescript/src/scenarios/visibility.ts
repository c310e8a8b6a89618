// Lists and counts.

import assert from 'node:assert/strict';
import { TASK } from '../harness/history';
import { failureOf, resultOf, type Scenario } from '../harness/scenario';
import { Collector, Flaky, Greeter } from '../workflows';

async function listed(s: Scenario, query: string, pageSize?: number): Promise<string[]> {
  const ids = [];
  for await (const { workflowId } of s.client.workflow.list({ query, pageSize })) ids.push(workflowId);
  return ids.sort();
}

export const scenarios = {
  async workflows_are_listed_and_counted_by_what_they_are(s: Scenario) {
    await s.worker();
    const greeters = Array.from({ length: 5 }, (_, n) => `greeter-${n}`);
    for (const suffix of greeters) await resultOf(await s.start(Greeter, ['you'], { suffix }));
    await failureOf(await s.start(Flaky, [2], { suffix: 'flaky' }));
    const open = await s.start(Collector, [], { suffix: 'open' });

    const queue = `TaskQueue = '${s.queue}'`;
    const count = async (query: string) => (await s.client.workflow.count(`${queue} AND (${query})`)).count;
    // Temporal's index follows a little later.
    await s.until('the index to know of all', async () => {
      const closed = await count("ExecutionStatus != 'Running'");
      return closed === 6 && (await count("ExecutionStatus = 'Running'")) === 1;
    });
    for (const [query, expected] of [
      ["WorkflowType = 'Greeter'", 5],
      ["ExecutionStatus = 'Completed' AND WorkflowType IN ('Greeter', 'Flaky')", 5],
      ["ExecutionStatus = 'Failed'", 1],
      ["WorkflowType = 'Greeter' AND CloseTime IS NULL", 0],
      ["WorkflowType != 'Greeter'", 2],
    ] as const) {
      assert.equal(await count(query), expected, query);
    }
    const found = await listed(s, `${queue} AND WorkflowType STARTS_WITH 'Gree'`);
    assert.deepEqual(found, greeters.map((suffix) => s.id(suffix)));
    assert.equal((await listed(s, queue, 2)).length, 7, 'page by page');

    for (const nonsense of ["NoSuchAttribute = 'x'", 'WorkflowType >', "ExecutionStatus = 'Asleep'"]) {
      await s.refusedInItsWords(() => count(nonsense), 'InvalidArgument');
    }
    await s.assertHistory(open, `WorkflowExecutionStarted, ${TASK}`);
  },
};
