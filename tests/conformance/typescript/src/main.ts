// The official TypeScript SDK against a server: every scenario asserts the result, the exact sequence of event types,
// and a refusal, and passes against Temporal's own dev server too. See README.md two folders up.
//
// The same program is the worker process that some scenarios kill: `main.js work ORDERS`.

import { HELP, parse } from './harness/options';
import { run } from './harness/pool';
import { untilKilled } from './harness/worker';
import { all } from './scenarios';

async function main(): Promise<number> {
  const [verb, orders, ...rest] = process.argv.slice(2);
  if (verb === 'work' && orders && rest.length === 0) {
    await untilKilled(orders);
    return 1;
  }
  let options;
  try {
    options = parse(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${HELP}`);
    return 2;
  }
  return (await run(options, all())) ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error('the suite could not run:', error);
    process.exit(1);
  },
);
