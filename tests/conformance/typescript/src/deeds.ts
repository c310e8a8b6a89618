// The activities of the suite, and the signs by which a scenario sees and directs them.
//
// They all take a text and give a text, so that one workflow can be told which to run.

import { setTimeout } from 'node:timers/promises';
import { ApplicationFailure, CancelledFailure, CompleteAsyncError, Context } from '@temporalio/activity';
import type { Hang } from './harness/worker';

/** What a scenario has in common with the activities of one of its workers. */
export class Signs {
  /** How many activities that wait have begun. */
  began = 0;
  /** The token of the latest activity that is to be completed from elsewhere. */
  token: Uint8Array | undefined;
  /** Lets all go on that wait, now or later. */
  release!: () => void;
  readonly released = new Promise<void>((resolve) => (this.release = resolve));
}

function planned(message: string, nonRetryable = false): ApplicationFailure {
  return ApplicationFailure.create({ message, type: 'Planned', nonRetryable });
}

const never = new Promise<never>(() => {});

export type Deeds = ReturnType<typeof deeds>;

export function deeds(signs: Signs, hang: Hang) {
  return {
    async Echo(word: string): Promise<string> {
      return word;
    },

    /** Fails until the attempt whose number it is given. */
    async SucceedsAt(attempt: string): Promise<string> {
      const now = Context.current().info.attempt;
      if (now < Number(attempt)) throw planned(`attempt ${now} fails`);
      return `attempt ${now}`;
    },

    async Fails(message: string): Promise<string> {
      throw planned(message);
    },

    async FailsForGood(message: string): Promise<string> {
      throw planned(message, true);
    },

    /** Waits until its scenario lets it go on, or until it is cancelled. */
    async Waits(word: string): Promise<string> {
      signs.began += 1;
      await Promise.race([signs.released, Context.current().cancelled]);
      return word;
    },

    /** Says how far it got, then is never heard of again; the next attempt goes on from there. */
    async Reads(page: string): Promise<string> {
      const context = Context.current();
      const last = context.info.heartbeatDetails as string | undefined;
      if (last !== undefined) return `read on from page ${last}`;
      context.heartbeat(page);
      signs.began += 1;
      return await context.cancelled;
    },

    /** Heartbeats until it is cancelled or let go. */
    async Beats(word: string): Promise<string> {
      const context = Context.current();
      signs.began += 1;
      let released = false;
      void signs.released.then(() => (released = true));
      while (!released) {
        context.heartbeat('alive');
        await Promise.race([setTimeout(100), signs.released, context.cancelled]).catch(() => {
          throw new CancelledFailure('stopped', ['stopped']);
        });
      }
      return word;
    },

    /** Is completed by somebody else. */
    async Elsewhere(_word: string): Promise<string> {
      signs.token = Context.current().info.taskToken;
      throw new CompleteAsyncError();
    },

    /** In a worker process that is to be killed here: heartbeats, and never comes back. */
    async Hangs(word: string): Promise<string> {
      const context = Context.current();
      if (hang === (context.info.isLocal ? 'local activity' : 'activity')) {
        if (!context.info.isLocal) context.heartbeat('page 7');
        await never;
      }
      return (context.info.heartbeatDetails as string | undefined) ?? word;
    },
  };
}
