// Workers: in this process for a scenario, or as a process of their own that is killed.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DefaultLogger, NativeConnection, Runtime, Worker, type InjectedSinks, type WorkerOptions } from '@temporalio/worker';
import { deeds, Signs } from '../deeds';
import type { Outside } from '../workflows';

/** What a worker process that is to be killed does not come back from. */
export type Hang = 'nothing' | 'activity' | 'workflow' | 'local activity';

/** Must be called before anything of the worker's SDK is used. */
export function installRuntime(): void {
  Runtime.install({
    // What it logs of failures that are planned helps nobody.
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: 'OFF', forward: {} } },
    shutdownSignals: [],
  });
}

/** A worker that knows every workflow and every activity of the suite. */
export class Running {
  private readonly ended: Promise<void>;
  private stopped = false;

  private constructor(
    private readonly worker: Worker,
    /** What its activities show, and what they wait for. */
    readonly signs: Signs,
  ) {
    this.ended = worker.run();
    // It is looked at when the worker is stopped.
    this.ended.catch(() => undefined);
  }

  static async start(
    connection: NativeConnection,
    queue: string,
    bundle: string,
    hang: Hang = 'nothing',
    options: Partial<WorkerOptions> = {},
  ): Promise<Running> {
    const signs = new Signs();
    const sinks: InjectedSinks<Outside> = {
      outside: { think: { fn: () => (hang === 'workflow' ? new Promise<void>(() => {}) : undefined) as void } },
    };
    const worker = await Worker.create({
      connection,
      taskQueue: queue,
      workflowBundle: { codePath: bundle },
      activities: deeds(signs, hang),
      sinks,
      // An activity that hangs on purpose must not hold up the end of its scenario.
      shutdownGraceTime: 1,
      shutdownForceTime: '5s',
      identity: 'conformance-typescript',
      ...options,
    });
    return new Running(worker, signs);
  }

  async stop(): Promise<void> {
    if (!this.stopped) {
      this.stopped = true;
      if (this.worker.getState() === 'RUNNING') this.worker.shutdown();
    }
    await this.ended;
  }
}

/** What a worker process is told. */
interface Orders {
  address: string;
  queue: string;
  bundle: string;
  hang: Hang;
}

/** A worker process; its scenario kills it at the latest when it ends. */
export class Doomed {
  private readonly process: ChildProcess;
  private readonly ended: Promise<unknown>;

  constructor(orders: Orders) {
    const main = join(__dirname, '..', 'main.js');
    this.process = spawn(process.execPath, [main, 'work', JSON.stringify(orders)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.ended = once(this.process, 'exit');
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}

/** The worker process: does its work until somebody kills it. */
export async function untilKilled(text: string): Promise<void> {
  const { address, queue, bundle, hang } = JSON.parse(text) as Orders;
  installRuntime();
  const connection = await NativeConnection.connect({ address });
  // For so long others wait for its sticky queue when it is dead.
  await Running.start(connection, queue, bundle, hang, { stickyQueueScheduleToStartTimeout: '1s' });
  await new Promise(() => {});
}
