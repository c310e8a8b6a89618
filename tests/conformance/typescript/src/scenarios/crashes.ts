// kill -9 of the server: what was acknowledged is still there, once, and the work goes on.

import assert from 'node:assert/strict';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { count, first, names } from '../harness/history';
import { resultOf, type Scenario } from '../harness/scenario';
import { Collector, Greeter, Runner, Sleeper, words } from '../workflows';
import { ONE_ACTIVITY, untilBegun } from './activities';
import { there, toured, tours } from './load';
import { once, someWords, TOOK_ALL } from './messages';
import { GREETED, WAITING } from './start';
import { SLEPT } from './timers';

/** The lengths of a few of the histories. */
async function lengths(s: Scenario): Promise<number[]> {
  return await Promise.all(['0', '1', '2'].map(async (suffix) => (await s.events(s.id(suffix))).length));
}

export const scenarios = {
  async a_timer_survives_the_server(s: Scenario) {
    await s.worker();
    const handle = await s.start(Sleeper, [1_500]);
    await s.untilEvent('TimerStarted');
    await s.restartServer();
    assert.equal(await resultOf(handle), 'slept');
    await s.assertHistory(handle, SLEPT);
    await s.refusesLateSignal();
  },

  async acknowledged_signals_survive_the_server(s: Scenario) {
    const handle = await s.start(Collector, []);
    for (const [n, word] of someWords().entries()) {
      if (n === 10) await s.restartServer();
      await s.give(word);
    }
    await s.restartServer();
    await s.worker();
    assert.deepEqual(await resultOf(handle), someWords());
    await s.assertHistory(handle, `${WAITING}, WorkflowExecutionSignaled*21, ${TOOK_ALL}`);
    await s.refusesLateSignal();
  },

  async an_id_stays_taken_when_the_server_dies(s: Scenario) {
    const signal = once(s);
    const handle = await s.start(Collector, []);
    await signal();
    await s.restartServer();
    const error = await s.refused(() => s.start(Collector, []), 'AlreadyExists');
    assert.ok(error instanceof WorkflowExecutionAlreadyStartedError);
    await signal();
    await s.assertHistory(handle, `${WAITING}, WorkflowExecutionSignaled`);
  },

  async an_activity_in_backoff_survives_the_server(s: Scenario) {
    await s.worker();
    const handle = await s.start(Runner, [{ deed: 'SucceedsAt', word: '2', retryAfter: 2_000 }]);
    await s.until('the first attempt to fail', async () => {
      const [pending] = (await s.describe()).pendingActivities ?? [];
      return pending?.attempt === 2;
    });
    await s.restartServer();
    assert.equal(await resultOf(handle), 'attempt 2');
    const it = first(await s.assertHistory(handle, ONE_ACTIVITY), 'activityTaskStartedEventAttributes');
    assert.deepEqual([it.attempt, it.lastFailure?.message], [2, 'attempt 1 fails']);
    await s.refusesLateSignal();
  },

  /** The worker keeps its activity, finds the server again, and reports to it. */
  async a_running_activity_outlives_the_server(s: Scenario) {
    const worker = await s.worker();
    const handle = await s.start(Runner, [{ deed: 'Beats', word: 'all in one go', heartbeat: 20_000 }]);
    await untilBegun(s, worker);
    const crash = async () => {
      await s.restartServer();
      worker.signs.release();
    };
    const [result] = await Promise.all([resultOf(handle), crash()]);
    assert.equal(result, 'all in one go');
    const it = first(await s.assertHistory(handle, ONE_ACTIVITY), 'activityTaskStartedEventAttributes');
    assert.equal(it.attempt, 1);
    await s.refusesLateSignal();
  },

  async a_closed_workflow_is_the_same_after_the_crash(s: Scenario) {
    await s.worker();
    const greeter = await s.start(Greeter, ['once'], { suffix: 'greeter' });
    const handle = await s.start(Collector, []);
    await s.give('end');
    await resultOf(handle);
    assert.equal(await resultOf(greeter), 'Hello, once!');
    const [before, greeting] = [await s.events(), await s.events(s.id('greeter'))];
    await s.restartServer();
    assert.deepEqual(await s.events(), before, 'every event as it was');
    assert.deepEqual(await s.events(s.id('greeter')), greeting);
    assert.deepEqual(await resultOf(handle), ['end']);
    assert.deepEqual(await handle.query(words), ['end']);
    await s.assertHistory(greeter, GREETED);
    await s.refusesLateSignal();
  },

  async many_workflows_survive_a_server_that_dies_again_and_again(s: Scenario) {
    await s.worker();
    // A task that a crash takes along comes back after two seconds.
    const handles = await tours(s, 20, 1_000, 2);
    const done = toured().split(',').length;
    const crash = async () => {
      for (let n = 0; n < 3; n++) {
        // The next crash comes when something has happened since the last, or when all is done.
        const before = await lengths(s);
        await s.until('any progress', async () => {
          const now = await lengths(s);
          return now.join() !== before.join() || Math.min(...now) >= done;
        });
        await s.restartServer();
      }
    };
    const [results] = await Promise.all([Promise.all(handles.map(resultOf)), crash()]);
    for (const [n, result] of results.entries()) {
      assert.equal(result, there(n));
      const events = await s.events(s.id(String(n)));
      // A crash may cost a workflow task its time; nothing else may differ from an undisturbed run.
      for (const [name, times] of [
        ['WorkflowExecutionStarted', 1],
        ['ActivityTaskScheduled', 2],
        ['ActivityTaskCompleted', 2],
        ['TimerStarted', 1],
        ['TimerFired', 1],
        ['WorkflowExecutionCompleted', 1],
      ] as const) {
        assert.equal(count(events, name), times, `${name} in ${names(events).join()}`);
      }
      await s.assertEvents(s.id(String(n)), '', names(events).join());
    }
    await s.assertHistory(handles[0]!, names(await s.events(s.id('0'))).join());
    await s.refusesLateSignal(s.id('0'));
  },
};
