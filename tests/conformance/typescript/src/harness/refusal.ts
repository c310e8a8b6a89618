// Refusals: the gRPC status behind the SDK's errors, and what of it must be as Temporal says it.

import { InterceptingCall, Metadata, status as codes, type Interceptor, type StatusObject } from '@grpc/grpc-js';
import { google } from '@temporalio/proto';

/** What is compared of a refusal: the code, the text, and the names of the details' messages. */
export interface Facts {
  code: string;
  message: string | null;
  details: string[];
}

/** `NOT_FOUND` as `NotFound`. */
function codeName(code: number): string {
  const words = (codes[code] ?? '').split('_');
  return words.map((word) => word.slice(0, 1) + word.slice(1).toLowerCase()).join('');
}

function details(metadata: Metadata): string[] {
  const [bytes] = metadata.get('grpc-status-details-bin');
  if (!bytes || typeof bytes === 'string') return [];
  return google.rpc.Status.decode(bytes).details.map((detail) => (detail.type_url ?? '').split('/').at(-1) ?? '');
}

/** Sees the last status of a connection that was not OK: some of the SDK's errors do not show it. */
export class Watch {
  private last: Facts | undefined;

  forget(): void {
    this.last = undefined;
  }

  seen(): Facts | undefined {
    return this.last;
  }

  readonly interceptor: Interceptor = (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        next(metadata, {
          onReceiveStatus: (status: StatusObject, pass: (status: StatusObject) => void) => {
            if (status.code !== codes.OK) {
              this.last = {
                code: codeName(status.code),
                message: status.details,
                details: details(status.metadata),
              };
            }
            pass(status);
          },
        });
      },
    });
}
