// All scenarios, by subject.

import type { Entry, Needs } from './harness/pool';
import type { Scenario } from './harness/scenario';
import * as activities from './scenarios/activities';
import * as asyncActivities from './scenarios/async_activities';
import * as batches from './scenarios/batches';
import * as closing from './scenarios/closing';
import * as crashes from './scenarios/crashes';
import * as data from './scenarios/data';
import * as family from './scenarios/family';
import * as load from './scenarios/load';
import * as local from './scenarios/local';
import * as messages from './scenarios/messages';
import * as operate from './scenarios/operate';
import * as schedules from './scenarios/schedules';
import * as start from './scenarios/start';
import * as tasks from './scenarios/tasks';
import * as timeouts from './scenarios/timeouts';
import * as timers from './scenarios/timers';
import * as updates from './scenarios/updates';
import * as visibility from './scenarios/visibility';
import * as wfctl from './scenarios/wfctl';
import * as workerCrashes from './scenarios/worker_crashes';

type Subject = Record<string, (s: Scenario) => Promise<void>>;

const SHARED: Subject[] = [
  start.scenarios,
  messages.scenarios,
  updates.scenarios,
  family.scenarios,
  timers.scenarios,
  activities.scenarios,
  timeouts.scenarios,
  asyncActivities.scenarios,
  local.scenarios,
  closing.scenarios,
  data.scenarios,
  tasks.scenarios,
  visibility.scenarios,
  operate.scenarios,
  schedules.scenarios,
  batches.scenarios,
  wfctl.scenarios,
  workerCrashes.scenarios,
];

function on(needs: Needs, subject: Subject): Entry[] {
  return Object.entries(subject).map(([name, body]) => ({ name, needs, body }));
}

export function all(): Entry[] {
  return [
    ...SHARED.flatMap((subject) => on('shared server', subject)),
    ...on('own server', crashes.scenarios),
    ...on('own server', updates.withTheServer),
    ...on('own server', family.withTheServer),
    ...on('own server', schedules.withTheServer),
    ...on('own server', batches.withTheServer),
    ...on('own server', workerCrashes.withTheServer),
    ...on('quiet', load.scenarios),
  ];
}
