// The server under test: one that already runs, a Weft binary, or Temporal's dev server as an oracle.
//
// A server that this module starts listens on loopback only, keeps its port when it is started again, and dies by
// SIGKILL. It writes into a temporary directory that goes away with it.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import type { Options } from './options';

const READY_MS = 60_000;

/** A process of our own. `start` after `kill` is a restart on the same data and the same port. */
export class Server {
  private readonly directory = mkdtempSync(join(tmpdir(), 'weft-conformance-'));
  private process: ChildProcess | undefined;
  private ended: Promise<unknown> | undefined;
  private port = 0;
  private starts = 0;

  /** One that is not to be killed may keep its data in memory. */
  constructor(
    private readonly options: Options,
    private readonly toBeKilled: boolean,
  ) {
    if (options.address) throw new Error('this scenario kills its server: use --server-bin or --oracle-bin');
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.starts += 1;
    const oracle = this.options['oracle-bin'];
    if (oracle && this.port === 0) this.port = await freePort();
    const [binary, args] = oracle ? [oracle, this.oracleArgs()] : [this.options['server-bin']!, this.weftArgs()];
    const log = openSync(join(this.directory, 'server.log'), 'a');
    const started = spawn(binary, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.process = started;
    this.ended = once(started, 'exit');
    const deadline = Date.now() + READY_MS;
    while (!(oracle ? await this.answers() : this.saidPort())) {
      if (started.exitCode !== null) throw new Error(`the server ended while starting:\n${this.logTail()}`);
      if (Date.now() > deadline) throw new Error(`no server after ${READY_MS} ms:\n${this.logTail()}`);
      await setTimeout(20);
    }
  }

  /** SIGKILL, as a crash does: nothing is flushed, nobody is told. */
  async kill(): Promise<void> {
    this.process?.kill('SIGKILL');
    await this.ended;
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private oracleArgs(): string[] {
    const args = ['server', 'start-dev', '--headless', '--log-level', 'error', '--port', String(this.port)];
    // A killed process loses nothing that it wrote to its file, so the file need not be synced.
    const kept = ['--db-filename', join(this.directory, 'temporal.db'), '--sqlite-pragma', 'journal_mode=WAL'];
    return this.toBeKilled ? [...args, ...kept, '--sqlite-pragma', 'synchronous=OFF'] : args;
  }

  private weftArgs(): string[] {
    const data = join(this.directory, 'data');
    const metrics = ['--metrics-listen', '127.0.0.1:0'];
    return ['--data-dir', data, '--listen', this.address, '--ready-file', this.readyFile(), ...metrics];
  }

  private readyFile(): string {
    return join(this.directory, `ready-${this.starts}.json`);
  }

  /** The port that the ready file names, once it is written. */
  private saidPort(): boolean {
    try {
      const said = JSON.parse(readFileSync(this.readyFile(), 'utf8')) as { address: string };
      this.port = Number(said.address.split(':').at(-1));
      return true;
    } catch {
      return false;
    }
  }

  /** The front end answers before history and matching do: one start proves them all. */
  private async answers(): Promise<boolean> {
    try {
      const connection = await Connection.connect({ address: this.address, connectTimeout: '4s' });
      try {
        const client = new Client({ connection });
        const start = { taskQueue: 'probe', workflowId: `probe-${process.hrtime.bigint()}` };
        const handle = await client.withDeadline(Date.now() + 4_000, () => client.workflow.start('Probe', start));
        await handle.terminate();
        return true;
      } finally {
        await connection.close();
      }
    } catch {
      return false;
    }
  }

  private logTail(): string {
    return readFileSync(join(this.directory, 'server.log'), 'utf8').split('\n').slice(-40).join('\n');
  }
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}
