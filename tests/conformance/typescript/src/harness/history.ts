// Histories: names of event types, and what must hold of every history whatever it tells.

import assert from 'node:assert/strict';
import { temporal } from '@temporalio/proto';

export type Event = temporal.api.history.v1.IHistoryEvent;
type Attributes = Record<string, unknown>;

/** The three events of a workflow task, or an activity, that went well: most sequences are made of these. */
export const TASK = 'WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted';
export const ACTIVITY = 'ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskCompleted';

/** `EVENT_TYPE_WORKFLOW_TASK_STARTED` as `WorkflowTaskStarted`. */
export function typeName(event: Event): string {
  const name = temporal.api.enums.v1.EventType[event.eventType ?? 0] ?? '';
  const words = name.replace('EVENT_TYPE_', '').split('_');
  return words.map((word) => word.slice(0, 1) + word.slice(1).toLowerCase()).join('');
}

export function names(events: Event[]): string[] {
  return events.map(typeName);
}

/** How often an event type occurs. */
export function count(events: Event[], name: string): number {
  return names(events).filter((each) => each === name).length;
}

/** `A, B*2` is A, B, B. */
function parse(expected: string): string[] {
  return expected.split(',').flatMap((part) => {
    const [name = '', times = '1'] = part.trim().split('*');
    return Array<string>(Number(times)).fill(name);
  });
}

/** Throws, side by side, if the sequence of types is another. */
export function assertTypes(events: Event[], expected: string): void {
  const [actual, wanted] = [names(events), parse(expected)];
  const rows = Math.min(120, Math.max(actual.length, wanted.length));
  const table = Array.from({ length: rows }, (_, row) => {
    const [got = '(nothing)', want = '(nothing)'] = [actual[row], wanted[row]];
    return got === want ? `  ${row + 1} ${got}` : `! ${row + 1} ${got.padEnd(42)} expected ${want}`;
  });
  assert.ok(actual.join() === wanted.join(), `the history is not as expected:\n${table.join('\n')}`);
}

const LATE = new Set([
  'WorkflowExecutionSignaled',
  'WorkflowExecutionCancelRequested',
  'ActivityTaskStarted',
  'ActivityTaskCompleted',
  'ActivityTaskFailed',
  'ActivityTaskTimedOut',
  'ActivityTaskCanceled',
  'TimerFired',
]);

/** For each field that names another event, by the type of the event that holds it: the type that it must have. */
const REFERENCES: Record<string, Record<string, string>> = {
  WorkflowTaskStarted: { scheduledEventId: 'WorkflowTaskScheduled' },
  WorkflowTaskCompleted: { scheduledEventId: 'WorkflowTaskScheduled', startedEventId: 'WorkflowTaskStarted' },
  ActivityTaskScheduled: { workflowTaskCompletedEventId: 'WorkflowTaskCompleted' },
  ActivityTaskStarted: { scheduledEventId: 'ActivityTaskScheduled' },
  ActivityTaskCompleted: { scheduledEventId: 'ActivityTaskScheduled', startedEventId: 'ActivityTaskStarted' },
  ActivityTaskFailed: { scheduledEventId: 'ActivityTaskScheduled', startedEventId: 'ActivityTaskStarted' },
  TimerStarted: { workflowTaskCompletedEventId: 'WorkflowTaskCompleted' },
  TimerFired: { startedEventId: 'TimerStarted' },
  TimerCanceled: { startedEventId: 'TimerStarted', workflowTaskCompletedEventId: 'WorkflowTaskCompleted' },
  MarkerRecorded: { workflowTaskCompletedEventId: 'WorkflowTaskCompleted' },
  WorkflowExecutionCompleted: { workflowTaskCompletedEventId: 'WorkflowTaskCompleted' },
};

/**
 * Dense ids, times and task ids that do not go back, references that point to what they name.
 *
 * Time may go back at an event that was held back while a workflow task ran: it is written with its own time.
 */
export function assertSound(events: Event[]): void {
  let latest = 0n;
  let taskId = -1n;
  events.forEach((event, index) => {
    const name = `${typeName(event)} ${index + 1}`;
    assert.equal(Number(event.eventId), index + 1, `the id of ${name}`);
    const time = BigInt(String(event.eventTime?.seconds ?? 0)) * 1_000_000_000n + BigInt(event.eventTime?.nanos ?? 0);
    assert.ok(time >= latest || LATE.has(typeName(event)), `${name} happened before an earlier event`);
    if (time > latest) latest = time;
    const id = BigInt(String(event.taskId ?? 0));
    assert.ok(id > taskId, `the task id of ${name} does not grow`);
    taskId = id;
    for (const [field, type] of Object.entries(REFERENCES[typeName(event)] ?? {})) {
      const of = Number(attributes(event)[field]);
      const named = of <= index ? events[of - 1] : undefined;
      assert.equal(named && typeName(named), type, `what ${name} refers to as ${of}`);
    }
  });
}

function attributes(event: Event): Attributes {
  const entry = Object.entries(event).find(([key, value]) => key.endsWith('EventAttributes') && value);
  return (entry?.[1] ?? {}) as Attributes;
}

/** The first attributes of this kind in a history. */
export function first<K extends keyof Event>(events: Event[], kind: K): NonNullable<Event[K]> {
  const found = events.map((event) => event[kind]).find((it) => it);
  assert.ok(found, `no ${kind}`);
  return found;
}
