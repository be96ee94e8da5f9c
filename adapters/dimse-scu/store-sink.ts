import type { ConnectionOptions } from 'node:tls';

import {
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLEMENTATION,
  type ResultObjectFile,
} from '../../core/delivery/dicom/result-object.js';
import type { BuildObjects } from '../../core/delivery/result-objects.js';
import type { DeliveryReceipt, ResultSink } from '../../core/delivery/result-sink.js';
import { PipelineError } from '../../core/errors.js';
import { transportError } from '../http/http-failure.js';
import { openAssociation, type Association } from './association.js';

export interface StoreSinkOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly calledAeTitle: string;
  readonly callingAeTitle: string;
  readonly timeoutMs: number;
  /** Present: DICOM over TLS. */
  readonly tls?: ConnectionOptions | undefined;
}

/**
 * Sends a result's objects by C-STORE, all on one association. When it breaks after some of them, all
 * are sent again: they have the same UIDs, and an archive that has one says so or takes it once more.
 */
export function createStoreSink(
  deps: { readonly buildObjects: BuildObjects },
  options: StoreSinkOptions,
): ResultSink {
  return {
    name: options.name,
    async send(delivery): Promise<DeliveryReceipt> {
      const objects = await deps.buildObjects(delivery);
      if (objects.length === 0) {
        return { objects: 0 };
      }
      const contexts = objects.map(({ SOPClassUID }, index) => ({
        id: 2 * index + 1,
        SOPClassUID,
        TransferSyntaxUID: EXPLICIT_VR_LITTLE_ENDIAN,
      }));
      const { calledAeTitle, callingAeTitle } = options;
      const association = await openAssociation(
        { ...options, tls: options.tls },
        { calledAeTitle, callingAeTitle, contexts, ...IMPLEMENTATION },
      );
      try {
        for (const [index, object] of objects.entries()) {
          await storeOne(association, 2 * index + 1, object, index, objects.length);
        }
        await association.release();
        return { objects: objects.length };
      } catch (error) {
        association.destroy();
        throw transportError(error);
      }
    },
    close: () => Promise.resolve(),
  };
}

async function storeOne(
  association: Association,
  contextId: number,
  object: ResultObjectFile,
  index: number,
  count: number,
): Promise<void> {
  if (!association.accepted.has(contextId)) {
    throw new PipelineError(
      'delivery-rejected',
      `the peer does not take ${object.kind.toUpperCase()} objects (${object.SOPClassUID})`,
    );
  }
  const status = await association.store(contextId, object, dataSetOf(object.bytes));
  if (!isStored(status)) {
    const hex = status.toString(16).toUpperCase().padStart(4, '0');
    throw new PipelineError(
      isTransient(status) ? 'delivery-failed' : 'delivery-rejected',
      `the peer refused object ${index + 1} of ${count} (${object.kind}, status ${hex})`,
    );
  }
}

/** Success, the warnings of PS3.4 B.2.3, and "duplicate SOP Instance": it is there already. */
function isStored(status: number): boolean {
  return status === 0 || [0xb000, 0xb006, 0xb007, 0x0111].includes(status);
}

function isTransient(status: number): boolean {
  return (status & 0xff00) === 0xa700 || status === 0x0110;
}

/** What follows preamble, prefix and File Meta Information, whose length its first element says. */
function dataSetOf(part10: Buffer): Buffer {
  return part10.subarray(144 + part10.readUInt32LE(140));
}
