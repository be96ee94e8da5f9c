import type { AssociationState } from '../../core/dimse/association-state.js';
import { judgePdu } from '../../core/dimse/association-state.js';
import type { CommandSet } from '../../core/dimse/command-set.js';
import { decodeCommand, encodeCommand, hasDataSet } from '../../core/dimse/command-set.js';
import type { AbortReason, Pdv } from '../../core/dimse/pdu.js';
import {
  ABORT_REASONS,
  decodeData,
  encodeAbort,
  encodeData,
  encodeReleaseReply,
  encodeReleaseRequest,
  PDU_TYPES,
  PduError,
} from '../../core/dimse/pdu.js';
import type { Pdu, PduChannel } from './pdu-channel.js';
import { AssociationEnded } from './pdu-channel.js';

/** A command that the peer has sent; its data set, if any, is read with `dataSet`. */
export interface Message {
  readonly contextId: number;
  readonly command: CommandSet;
}

export interface AssociationOptions {
  /** Accepted presentation contexts by id. */
  readonly contexts: ReadonlyMap<number, AcceptedContext>;
  /** What the peer takes; 0 is without limit. */
  readonly peerMaxPduBytes: number;
  /** For the next whole PDU, and for the peer to take one of ours. */
  readonly idleTimeoutMs: number;
  readonly state: AssociationState;
}

export interface AcceptedContext {
  readonly abstractSyntax: string;
  readonly transferSyntax: string;
}

/** A command set of this size is no command set. */
const MAX_COMMAND_BYTES = 64 * 1024;

/**
 * An established association: messages, one after the other. It reads only when it is asked, so a receiver
 * that is slow makes the sender slow (TCP), and memory holds one PDU.
 *
 * Every method throws `AssociationEnded` when the peer or the connection has ended it. Breaches of the
 * protocol are answered by an abort.
 */
export class Association {
  private readonly fragments: Pdv[] = [];
  private state: AssociationState;
  /** The context of a data set that has not been read to its end. */
  private openDataSet: number | undefined;

  private readonly channel: PduChannel;
  private readonly options: AssociationOptions;

  constructor(channel: PduChannel, options: AssociationOptions) {
    this.channel = channel;
    this.options = options;
    this.state = options.state;
  }

  get contextCount(): number {
    return this.options.contexts.size;
  }

  context(id: number): AcceptedContext | undefined {
    return this.options.contexts.get(id);
  }

  /** Undefined when the peer has released the association. What is left of a data set is skipped. */
  async nextMessage(): Promise<Message | undefined> {
    await this.skipDataSet(Infinity);
    const first = await this.nextFragment(true);
    if (first === undefined) {
      return undefined;
    }
    const parts: Uint8Array[] = [];
    let sizeBytes = 0;
    for (let fragment = first; ; fragment = await this.requireFragment()) {
      if (!fragment.isCommand || fragment.contextId !== first.contextId) {
        throw this.breach(
          new PduError('a command is not whole', ABORT_REASONS.unexpectedParameter),
        );
      }
      parts.push(fragment.bytes);
      sizeBytes += fragment.bytes.length;
      if (sizeBytes > MAX_COMMAND_BYTES) {
        throw this.breach(new PduError('a command is longer than the limit'));
      }
      if (fragment.isLast) {
        break;
      }
    }
    if (!this.options.contexts.has(first.contextId)) {
      throw this.breach(new PduError('the presentation context is not an accepted one'));
    }
    const command = this.guarded(() => decodeCommand(Buffer.concat(parts)));
    this.openDataSet = hasDataSet(command) ? first.contextId : undefined;
    return { contextId: first.contextId, command };
  }

  /** The bytes of the last message's data set as they come. Ending early leaves the rest to be skipped. */
  async *dataSet(): AsyncGenerator<Uint8Array> {
    while (this.openDataSet !== undefined) {
      const fragment = await this.requireFragment();
      if (fragment.isCommand || fragment.contextId !== this.openDataSet) {
        throw this.breach(
          new PduError('a data set is not whole', ABORT_REASONS.unexpectedParameter),
        );
      }
      if (fragment.isLast) {
        this.openDataSet = undefined;
      }
      yield fragment.bytes;
    }
  }

  /** The last message's data set; undefined, and read to its end all the same, when it is longer than the limit. */
  async wholeDataSet(maxBytes: number): Promise<Buffer | undefined> {
    const parts: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const bytes of this.dataSet()) {
      sizeBytes += bytes.length;
      if (sizeBytes <= maxBytes) {
        parts.push(bytes.slice());
      }
    }
    return sizeBytes <= maxBytes ? Buffer.concat(parts) : undefined;
  }

  /** Whether the peer says something within this time, be it that the connection ends. Ends nothing itself. */
  async hearsSomething(withinMs: number): Promise<boolean> {
    return this.fragments.length > 0 || (await this.channel.arrives(withinMs));
  }

  /** Reads what is left of the data set and forgets it; aborts beyond the limit. */
  async skipDataSet(maxBytes: number): Promise<void> {
    let skippedBytes = 0;
    for await (const bytes of this.dataSet()) {
      skippedBytes += bytes.length;
      if (skippedBytes > maxBytes) {
        throw this.breach(new PduError('a data set that is refused does not end'));
      }
    }
  }

  async send(contextId: number, command: CommandSet, dataSet?: Uint8Array): Promise<void> {
    const { peerMaxPduBytes, idleTimeoutMs } = this.options;
    const bytes = encodeCommand(command, dataSet !== undefined);
    await this.channel.write(
      [
        ...encodeData(contextId, true, bytes, peerMaxPduBytes),
        ...(dataSet ? encodeData(contextId, false, dataSet, peerMaxPduBytes) : []),
      ],
      idleTimeoutMs,
    );
  }

  /** Asks the peer to release and waits for its word. */
  async release(): Promise<void> {
    this.state = 'awaiting-release';
    await this.channel.write([encodeReleaseRequest()], this.options.idleTimeoutMs);
    while (this.stateNow() === 'awaiting-release') {
      const { type } = await this.nextPdu();
      if (type === PDU_TYPES.releaseRequest) {
        await this.channel.write([encodeReleaseReply()], this.options.idleTimeoutMs);
      }
    }
    this.channel.close();
  }

  /** Ends it at once. Idempotent. */
  abort(reason: AbortReason = ABORT_REASONS.notSpecified, source: 0 | 2 = 2): void {
    this.state = 'closed';
    this.channel.close(encodeAbort(source, reason));
  }

  private stateNow(): AssociationState {
    return this.state;
  }

  private async requireFragment(): Promise<Pdv> {
    const fragment = await this.nextFragment(false);
    if (fragment === undefined) {
      throw new AssociationEnded('protocol-error');
    }
    return fragment;
  }

  /** Undefined when the peer releases, which it may between messages only. */
  private async nextFragment(mayRelease: boolean): Promise<Pdv | undefined> {
    for (;;) {
      const fragment = this.fragments.shift();
      if (fragment !== undefined) {
        return fragment;
      }
      const { type, body } = await this.nextPdu();
      if (type === PDU_TYPES.data) {
        this.fragments.push(...this.guarded(() => decodeData(body)));
      } else if (mayRelease) {
        this.channel.close(encodeReleaseReply());
        return undefined;
      } else {
        throw this.breach(
          new PduError('a release in the middle of a message', ABORT_REASONS.unexpectedPdu),
        );
      }
    }
  }

  /** The next PDU that the state allows. */
  private async nextPdu(): Promise<Pdu> {
    let pdu: Pdu;
    try {
      pdu = await this.channel.next(this.options.idleTimeoutMs);
    } catch (error) {
      if (error instanceof PduError) {
        throw this.breach(error);
      }
      this.abort();
      throw error;
    }
    const verdict = judgePdu(this.state, pdu.type);
    if (verdict.kind !== 'expected') {
      const { unexpectedPdu, unrecognizedPdu } = ABORT_REASONS;
      const reason = verdict.kind === 'unexpected' ? unexpectedPdu : unrecognizedPdu;
      throw this.breach(new PduError('a PDU that may not come now', reason));
    }
    this.state = verdict.next;
    if (pdu.type === PDU_TYPES.abort) {
      this.channel.close();
      throw new AssociationEnded('aborted-by-peer');
    }
    return pdu;
  }

  private guarded<T>(decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      throw error instanceof PduError ? this.breach(error) : error;
    }
  }

  private breach(error: PduError): AssociationEnded {
    this.abort(error.abortReason);
    return new AssociationEnded('protocol-error', { cause: error });
  }
}
