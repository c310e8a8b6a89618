// What the command line says.

import { parseArgs } from 'node:util';

export const HELP = `
node build/main.js (--server-bin PATH | --oracle-bin PATH | --address HOST:PORT) --wfctl-bin PATH [options]

  --server-bin PATH   a weft-server binary; the suite starts and kills servers of its own
  --oracle-bin PATH   a \`temporal\` CLI binary: Temporal's own dev server
  --address ADDRESS   a server that already runs; scenarios that kill their server fail
  --wfctl-bin PATH    the wfctl whose JSON histories are replayed; without it that scenario fails
  --results FILE      where to write the outcome of each scenario
  --record            keep the oracle's answers in recorded.json
  -k WORD             only scenarios whose name contains WORD; may be given more than once`;

export interface Options {
  'server-bin'?: string;
  'oracle-bin'?: string;
  address?: string;
  'wfctl-bin'?: string;
  results?: string;
  record?: boolean;
  word: string[];
}

export function parse(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      'server-bin': { type: 'string' },
      'oracle-bin': { type: 'string' },
      address: { type: 'string' },
      'wfctl-bin': { type: 'string' },
      results: { type: 'string' },
      record: { type: 'boolean' },
      word: { type: 'string', short: 'k', multiple: true, default: [] },
    },
  });
  if (!values['server-bin'] && !values['oracle-bin'] && !values.address) throw new Error('say which server');
  if (values.record && !values['oracle-bin']) {
    throw new Error("only the oracle's answers are recorded: --record needs --oracle-bin");
  }
  return values;
}
