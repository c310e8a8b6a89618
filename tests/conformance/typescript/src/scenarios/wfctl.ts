// The JSON histories that people get from `wfctl`, replayed by the SDK.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils';
import { Worker } from '@temporalio/worker';
import { failureOf, resultOf, type Scenario } from '../harness/scenario';
import { Collector, LocalRunner, Patched, Runner, Tour } from '../workflows';
import { ONE_ACTIVITY } from './activities';
import { MARKED } from './local';

const run = promisify(execFile);

async function show(s: Scenario, id: string): Promise<string> {
  const wfctl = s.around.options['wfctl-bin'];
  assert.ok(wfctl, 'say with --wfctl-bin which wfctl');
  const args = ['workflow', 'show', id, '--address', s.address, '--output', 'json'];
  return (await run(wfctl, args, { maxBuffer: 1 << 26 })).stdout;
}

async function replay(s: Scenario, text: string): Promise<void> {
  const workflowBundle = { codePath: s.around.bundle };
  await Worker.runReplayHistory({ workflowBundle }, historyFromJSON(JSON.parse(text)));
}

export const scenarios = {
  async histories_from_wfctl_are_replayed(s: Scenario) {
    await s.worker();
    const tour = await s.start(Tour, [1, 100], { suffix: 'tour' });
    const retried = await s.start(Runner, [{ deed: 'SucceedsAt', word: '2' }], { suffix: 'retried' });
    const failed = await s.start(Runner, [{ deed: 'FailsForGood', word: 'no' }], { suffix: 'failed' });
    const plan = { deed: 'SucceedsAt', word: '2', retryAfter: 500, timerFrom: 100 } as const;
    const local = await s.start(LocalRunner, [plan], { suffix: 'local' });
    const patched = await s.start(Patched, [], { suffix: 'patched' });
    const collector = await s.start(Collector, [], { suffix: 'collector' });
    for (const word of ['schön', 'end']) await s.give(word, 'collector');
    for (const handle of [tour, retried, local, patched, collector]) await resultOf(handle);
    await failureOf(failed);

    for (const name of ['tour', 'retried', 'failed', 'local', 'patched', 'collector']) {
      const text = await show(s, s.id(name));
      await replay(s, text);
      // Nothing is lost on the way: the JSON holds the very events that the server gives. Maps have no order.
      const events = await s.events(s.id(name));
      const printed = historyToJSON(historyFromJSON(JSON.parse(text)));
      assert.deepEqual(JSON.parse(printed), JSON.parse(historyToJSON({ events })), name);
      if (name === 'tour') {
        // And the replayer does look: with another type of activity this is not what the code decides.
        await assert.rejects(replay(s, text.replace('"Echo"', '"Other"')));
      }
    }
    await assert.rejects(show(s, s.id('absent')), 'there is no such workflow');
    await s.assertHistory(retried, ONE_ACTIVITY);
    await s.assertHistory(patched, `${MARKED}, UpsertWorkflowSearchAttributes, WorkflowExecutionCompleted`);
    await s.refusesLateSignal(s.id('tour'));
  },
};
