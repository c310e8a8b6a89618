// What Temporal's own server answered, kept in `recorded.json`: texts of refusals and other facts too long to type.
//
// A run with --record against the oracle writes the file; every other run compares with it. A fact that the oracle was
// never asked for is a failure: a scenario must have passed there first.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

const FILE = join(__dirname, '..', '..', 'recorded.json');

type Facts = Record<string, Record<string, unknown>>;

export class Recording {
  private readonly expected: Facts = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Facts) : {};
  private readonly seen: Facts = {};

  constructor(private readonly writes: boolean) {}

  /** Notes what this server said. */
  note(scenario: string, label: string, fact: unknown): void {
    (this.seen[scenario] ??= {})[label] = JSON.parse(JSON.stringify(fact));
  }

  /** Throws with all differences of the scenario at once, so that one wrong text does not hide the next. */
  compare(scenario: string): void {
    if (this.writes) return;
    const differences = Object.entries(this.seen[scenario] ?? {}).flatMap(([label, fact]) => {
      const wanted = this.expected[scenario]?.[label];
      const same = isDeepStrictEqual(fact, wanted);
      return same ? [] : [`${label}: ${JSON.stringify(fact)}\n    Temporal: ${JSON.stringify(wanted)}`];
    });
    if (differences.length > 0) throw new Error(`not what Temporal answers:\n${differences.join('\n')}`);
  }

  /** Keeps what the scenarios that passed have seen, in place of what they saw before. */
  save(passed: string[]): void {
    if (!this.writes) return;
    const kept = { ...this.expected };
    for (const name of passed) {
      const seen = this.seen[name];
      if (seen) kept[name] = seen;
    }
    const sorted = Object.fromEntries(Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1)));
    writeFileSync(FILE, `${JSON.stringify(sorted, null, 2)}\n`);
  }
}
