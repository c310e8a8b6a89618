// Activities that somebody else than their worker completes: by task token, by id.

import assert from 'node:assert/strict';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { first } from '../harness/history';
import { cause, failureOf, resultOf, type Scenario } from '../harness/scenario';
import type { Running } from '../harness/worker';
import { Runner } from '../workflows';
import { FAILED_ACTIVITY, ONE_ACTIVITY } from './activities';

/** The token of the activity, of an attempt after the one with that token. */
async function token(s: Scenario, worker: Running, after?: Uint8Array): Promise<Uint8Array> {
  const found = await s.until("the activity's token", async () => {
    const { token } = worker.signs;
    return token && !(after && Buffer.from(token).equals(after)) ? token : undefined;
  });
  assert.ok(found);
  return found;
}

export const scenarios = {
  async an_activity_is_completed_elsewhere_by_its_token(s: Scenario) {
    const worker = await s.worker();
    const handle = await s.start(Runner, [{ deed: 'Elsewhere', word: '' }]);
    const its = await token(s, worker);
    await s.client.activity.heartbeat(its, 'alive');
    const [pending] = (await s.describe()).pendingActivities ?? [];
    assert.equal(String(pending?.heartbeatDetails?.payloads?.[0]?.data), '"alive"');
    await s.client.activity.complete(its, 'done elsewhere');
    assert.equal(await resultOf(handle), 'done elsewhere');
    // Not a second completion: Weft answers the last one as the first time when it is repeated.
    await s.refused(() => s.client.activity.heartbeat(its, 'late'), 'NotFound');
    await s.refused(() => s.client.activity.complete(Buffer.from('garbage'), 'x'), 'InvalidArgument');
    await s.assertHistory(handle, ONE_ACTIVITY);
  },

  async an_activity_is_completed_elsewhere_by_its_id(s: Scenario) {
    const worker = await s.worker();
    const handle = await s.start(Runner, [{ deed: 'Elsewhere', word: '' }]);
    await token(s, worker);
    const complete = (activityId: string, result: string) =>
      s.client.activity.complete({ workflowId: s.id(), activityId }, result);
    const [pending] = (await s.describe()).pendingActivities ?? [];
    const activityId = pending?.activityId ?? '';
    await s.refused(() => complete('no such', 'x'), 'NotFound');
    await complete(activityId, 'done by id');
    assert.equal(await resultOf(handle), 'done by id');
    await s.refused(() => complete(activityId, 'x'), 'NotFound');
    await s.assertHistory(handle, ONE_ACTIVITY);
  },

  async an_activity_that_fails_elsewhere_is_retried(s: Scenario) {
    const worker = await s.worker();
    const handle = await s.start(Runner, [{ deed: 'Elsewhere', word: '', attemptsMax: 2 }]);
    const one = await token(s, worker);
    await s.client.activity.fail(one, new Error('failed elsewhere'));
    const two = await token(s, worker, one);
    await s.refused(() => s.client.activity.heartbeat(one, 'late'), 'NotFound');
    await s.client.activity.fail(two, new Error('failed elsewhere'));
    const failure = await failureOf(handle);
    assert.equal(cause(failure, ApplicationFailure).message, 'failed elsewhere');
    s.same('retry state', cause(failure, ActivityFailure).retryState);
    const events = await s.assertHistory(handle, FAILED_ACTIVITY);
    assert.equal(first(events, 'activityTaskStartedEventAttributes').attempt, 2);
  },
};
