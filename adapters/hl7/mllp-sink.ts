import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

import {
  isAccepted,
  parseAcknowledgment,
  type Acknowledgment,
} from '../../core/delivery/hl7/acknowledgment.js';
import {
  buildOruMessage,
  messageControlId,
  type OruOptions,
} from '../../core/delivery/hl7/oru-message.js';
import type { ReadSource } from '../../core/delivery/result-objects.js';
import type { DeliveryReceipt, ResultSink } from '../../core/delivery/result-sink.js';
import { PipelineError } from '../../core/errors.js';
import { transportError } from '../../core/delivery/transport-failure.js';
import type { AddressGuard } from '../network/address-guard.js';

export interface MllpSinkOptions extends OruOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  /** Present: MLLP over TLS. */
  readonly tls?: ConnectionOptions | undefined;
  /** Absent: any address may be reached. */
  readonly guard?: AddressGuard | undefined;
}

const START = 0x0b;
const END = Buffer.from([0x1c, 0x0d]);
/** An acknowledgment has three short segments. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Sends results as ORU^R01 over MLLP: a connection for each message, one message, one acknowledgment. A
 * retry after a lost acknowledgment carries the same MSH-10.
 */
export function createMllpSink(
  deps: { readonly readSource: ReadSource },
  options: MllpSinkOptions,
): ResultSink {
  return {
    name: options.name,
    async send(delivery): Promise<DeliveryReceipt> {
      options.guard?.checkHost(options.host);
      const source = await deps.readSource(delivery);
      const message = buildOruMessage(delivery, source, options);
      const acknowledgment = await exchange(message, messageControlId(delivery.deliveryId));
      if (!isAccepted(acknowledgment)) {
        throw new PipelineError(
          'delivery-rejected',
          `the receiver answered ${/^[AC][ER]$/.exec(acknowledgment.code)?.[0] ?? 'no known code'}`,
        );
      }
      return { acknowledgment: acknowledgment.code };
    },
    close: () => Promise.resolve(),
  };

  async function exchange(message: string, controlId: string): Promise<Acknowledgment> {
    let socket: Socket | undefined;
    try {
      socket = await connect(options);
      socket.write(Buffer.concat([Buffer.of(START), Buffer.from(message, 'utf8'), END]));
      return await readAcknowledgment(socket, controlId);
    } catch (error) {
      throw transportError(error);
    } finally {
      socket?.destroy();
    }
  }
}

async function connect({ host, port, tls, timeoutMs, guard }: MllpSinkOptions): Promise<Socket> {
  const place = { host, port, ...(guard && { lookup: guard.lookup }) };
  const socket =
    tls === undefined ? connectTcp(place) : connectTls({ servername: host, ...tls, ...place });
  // The whole exchange has this time, not each silence: a drip of bytes is no answer.
  const timer = setTimeout(() => {
    socket.destroy(
      socket.connecting
        ? new PipelineError('delivery-unreachable', 'the receiver cannot be reached in time')
        : new PipelineError('delivery-timeout', 'no acknowledgment from the receiver in time'),
    );
  }, timeoutMs);
  socket.once('close', () => {
    clearTimeout(timer);
  });
  try {
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The acknowledgment of our message; others on the line are skipped. */
async function readAcknowledgment(socket: Socket, controlId: string): Promise<Acknowledgment> {
  let buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    buffer = Buffer.concat([buffer, chunk]);
    for (let end = buffer.indexOf(END); end >= 0; end = buffer.indexOf(END)) {
      const start = buffer.indexOf(START);
      const text = buffer.subarray(start + 1, end).toString('utf8');
      buffer = buffer.subarray(end + END.length);
      const acknowledgment = parseAcknowledgment(text);
      if (acknowledgment?.messageControlId === controlId) {
        return acknowledgment;
      }
    }
    if (buffer.length > MAX_ANSWER_BYTES) {
      throw new PipelineError('delivery-failed', 'the receiver does not speak MLLP');
    }
  }
  throw new PipelineError('delivery-timeout', 'the receiver closed without an acknowledgment');
}
