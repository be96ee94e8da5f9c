import { randomUUID } from 'node:crypto';

import type { Association, Message } from '../../adapters/dimse/association.js';
import type { StudyHold } from '../../adapters/database/study-hold.js';
import { part10Header } from '../../core/dicom/part10-header.js';
import { parseUid } from '../../core/dicom/uid.js';
import { COMMAND_FIELDS, DIMSE_STATUS } from '../../core/dimse/command-set.js';
import { PipelineError } from '../../core/errors.js';
import { traceIdFromUuid } from '../../core/trace.js';
import { ingestInstance } from '../../core/use-cases/ingest-instance.js';
import type { IngestInstanceDeps, IngestOutcome } from '../../core/use-cases/ingest-instance.js';

export interface StoreObjectOptions {
  readonly maxInstanceBytes: number;
}

/**
 * C-STORE: the data set goes to disk as it comes, behind File Meta Information of ours, and is answered when
 * it is durably stored or refused. Source: PS3.4 B.2, PS3.7 9.1.1.
 */
export async function storeObject(
  deps: IngestInstanceDeps,
  association: Association,
  { contextId, command }: Message,
  hold: StudyHold,
  options: StoreObjectOptions,
): Promise<IngestOutcome> {
  const { AffectedSOPClassUID = '', AffectedSOPInstanceUID = '', MessageID = 0 } = command;
  const outcome = await takeIn(deps, association, { contextId, command }, hold, options);
  await association.skipDataSet(options.maxInstanceBytes);
  await association.send(contextId, {
    CommandField: COMMAND_FIELDS.cStoreResponse,
    MessageIDBeingRespondedTo: MessageID,
    AffectedSOPClassUID,
    AffectedSOPInstanceUID,
    ...(outcome.kind === 'failed'
      ? { Status: outcome.error.failureReason, ErrorComment: comment(outcome.error) }
      : { Status: DIMSE_STATUS.success }),
  });
  return outcome;
}

async function takeIn(
  deps: IngestInstanceDeps,
  association: Association,
  { contextId, command }: Message,
  hold: StudyHold,
  { maxInstanceBytes }: StoreObjectOptions,
): Promise<IngestOutcome> {
  const context = association.context(contextId);
  const SOPClassUID = parseUid(command.AffectedSOPClassUID);
  const SOPInstanceUID = parseUid(command.AffectedSOPInstanceUID);
  if (context === undefined || SOPClassUID === undefined || SOPInstanceUID === undefined) {
    return failed(new PipelineError('attribute-missing', 'The command lacks a valid UID.'));
  }
  if (SOPClassUID !== context.abstractSyntax) {
    return failed(new PipelineError('sop-class-unsupported'));
  }
  const { transferSyntax: TransferSyntaxUID } = context;
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield part10Header({
      SOPClassUID: context?.abstractSyntax ?? '',
      SOPInstanceUID: SOPInstanceUID ?? '',
      TransferSyntaxUID,
    });
    yield* association.dataSet();
  }
  return ingestInstance(deps, {
    bytes: hold.arriving(bytes()),
    maxBytes: maxInstanceBytes,
    expectedObject: { SOPClassUID, SOPInstanceUID },
    traceId: traceIdFromUuid(randomUUID()),
  });
}

function failed(error: PipelineError): IngestOutcome {
  return { kind: 'failed', identity: {}, error };
}

/** Fit for strangers and without data, as all messages of our errors. */
function comment({ code, message }: PipelineError): string {
  return `${code}: ${message}`;
}
