import type { InstanceIdentity } from '../dicom/instance-header.js';
import { ACCEPTED_SOP_CLASSES, isAcceptedSopClass } from '../dicom/sop-classes.js';
import { TRANSFER_SYNTAXES, isTransferSyntax } from '../dicom/transfer-syntaxes.js';
import type { TransferSyntaxUid } from '../dicom/transfer-syntaxes.js';
import type { DicomUid } from '../dicom/uid.js';
import { PipelineError, assertNever, toPipelineError } from '../errors.js';
import type { LogFacts, Logger } from '../log.js';
import type { PipelineMetrics } from '../metrics.js';
import type { ReadAttribute } from '../rules/condition.js';
import { priorityBySiteRules, type SiteRules } from '../rules/site-rules.js';
import type { ObjectStore, StagedObject } from '../storage/object-store.js';
import type { StudyStore } from '../storage/study-store.js';
import type { Clock } from '../time.js';
import { raisePriority, type Priority } from '../triage/priority.js';
import { priorityFromHeader } from '../triage/requested-priority.js';

/** What ingest reads of an object. UIDs are absent when missing or invalid. */
export interface IngestHeader {
  readonly SOPClassUID: DicomUid | undefined;
  readonly SOPInstanceUID: DicomUid | undefined;
  readonly SeriesInstanceUID: DicomUid | undefined;
  readonly StudyInstanceUID: DicomUid | undefined;
  readonly TransferSyntaxUID: DicomUid;
  readonly RequestedProcedurePriority: string | undefined;
}

/** A file of which the first bytes are at hand. */
export type StartOfFile = Pick<StagedObject, 'path' | 'sizeBytes' | 'head'>;

export interface FileInspection {
  readonly header: IngestHeader;
  /** Any attribute before Pixel Data, for the site's rules. */
  readonly readAttribute: ReadAttribute;
  readonly hasPixelData: boolean;
  /** Why the file is not whole, although its header could be read; undefined when it is. */
  readonly damage: PipelineError | undefined;
}

export interface IngestInstanceDeps {
  readonly objects: ObjectStore;
  readonly studies: Pick<StudyStore, 'recordInstance'>;
  /**
   * Throws `overloaded` when so much waits for analysis that nothing more is to be taken in. Absent where
   * the object is in our hands already.
   */
  readonly checkBacklog?: () => Promise<void>;
  /**
   * The study of a stored instance when the object under this key is the same data set as it, behind other
   * File Meta Information; else undefined. Absent where that cannot be.
   */
  readonly findSameObject?: (
    instanceId: string,
    identity: InstanceIdentity,
    objectKey: string,
  ) => Promise<string | undefined>;
  /**
   * Header of a Part 10 file (with preamble), and whether all that it announces is there; reads no pixels.
   * @throws PipelineError `dicom-unreadable`, `dicom-truncated`, `attribute-missing`
   */
  readonly inspectFile: (file: StartOfFile) => Promise<FileInspection>;
  /** Transfer syntaxes that the decoders of this installation read. */
  readonly decodable: ReadonlySet<TransferSyntaxUid>;
  /** Those on the priority are read here; none when absent. */
  readonly siteRules?: SiteRules;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Pick<PipelineMetrics, 'received' | 'stage'>;
}

export interface IngestInput {
  /** One Part 10 file. What it throws ends the call: the sender's stream is broken, not the object. */
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly maxBytes: number;
  readonly expectedStudyInstanceUID?: DicomUid | undefined;
  /** What the sender has said that the object is, and will be told is stored. */
  readonly expectedObject?: Pick<InstanceIdentity, 'SOPClassUID' | 'SOPInstanceUID'> | undefined;
  /** Of the request; it outranks the object's own header. A rule of the site may raise it. */
  readonly requestedPriority?: Priority | undefined;
  /** Ties the log lines of the object together. */
  readonly traceId?: string | undefined;
  /** The sender's span in that trace. */
  readonly parentSpanId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What names an object in an answer to its sender, as far as it could be read. */
export type KnownIdentity = Partial<InstanceIdentity>;

export type IngestOutcome =
  | {
      readonly kind: 'stored' | 'duplicate';
      readonly identity: InstanceIdentity;
      readonly studyId: string;
    }
  | { readonly kind: 'failed'; readonly identity: KnownIdentity; readonly error: PipelineError };

/**
 * Takes one object in. When this returns `stored` or `duplicate`, the bytes are fsynced at their place and
 * the row and its outbox entry are committed: only then may the sender be told so.
 *
 * Everything that is wrong with the object, the disk or the database is an outcome; only what `bytes`
 * throws (and an abort) is thrown, after the staged bytes are gone.
 */
export async function ingestInstance(
  deps: IngestInstanceDeps,
  input: IngestInput,
): Promise<IngestOutcome> {
  const startedAtMs = deps.clock();
  const sender = watchSender(input.bytes, input.signal);
  let staged: StagedObject;
  try {
    await deps.checkBacklog?.();
    staged = await deps.objects.stage(sender.bytes, { maxBytes: input.maxBytes });
  } catch (error) {
    if (sender.failed()) {
      throw error;
    }
    return report(deps, { kind: 'failed', identity: {}, error: toPipelineError(error) }, {});
  }
  const receivedAtMs = deps.clock();
  const facts: Record<string, unknown> = {
    sizeBytes: staged.sizeBytes,
    receiveMs: receivedAtMs - startedAtMs,
    traceId: input.traceId,
  };
  try {
    const outcome = await admit(deps, input, staged, receivedAtMs, facts);
    const endedAtMs = deps.clock();
    facts['admitMs'] = endedAtMs - receivedAtMs;
    const { traceId, parentSpanId } = input;
    deps.metrics?.stage('ingest', endedAtMs - startedAtMs, { traceId, parentSpanId });
    return report(deps, outcome, facts);
  } finally {
    await staged.discard();
  }
}

async function admit(
  deps: IngestInstanceDeps,
  input: IngestInput,
  staged: StagedObject,
  receivedAtMs: number,
  facts: Record<string, unknown>,
): Promise<IngestOutcome> {
  let known: KnownIdentity = {};
  try {
    const { header, readAttribute, hasPixelData, damage } = await deps.inspectFile(staged);
    known = knownIdentity(header);
    describe(header, facts);
    const identity = checkHeader(header, deps.decodable, input);
    if (damage !== undefined) {
      throw damage;
    }
    if (!hasPixelData) {
      // Every accepted SOP Class is an image.
      throw new PipelineError('pixel-data-missing');
    }
    input.signal?.throwIfAborted();

    const ordered =
      input.requestedPriority ?? priorityFromHeader(header.RequestedProcedurePriority) ?? 'routine';
    const byRule = priorityBySiteRules(deps.siteRules ?? [], readAttribute);
    facts['priorityRule'] = byRule?.name;

    const objectKey = await staged.commit();
    const recorded = await deps.studies.recordInstance({
      identity,
      sha256: staged.sha256,
      sizeBytes: staged.sizeBytes,
      objectKey,
      requestedPriority: raisePriority(ordered, byRule?.priority ?? 'routine'),
      receivedAtMs,
      traceId: input.traceId,
    });
    facts['instanceId'] = recorded.instanceId;
    if (recorded.kind === 'conflict') {
      const studyId = await deps.findSameObject?.(recorded.instanceId, identity, objectKey);
      // The first bytes stay. The second ones must go: a database rebuilt from the objects could not tell
      // which of the two was acknowledged.
      await deps.objects.remove(objectKey);
      if (studyId !== undefined) {
        return { kind: 'duplicate', identity, studyId };
      }
      throw new PipelineError('instance-conflict');
    }
    facts['studyId'] = recorded.studyId;
    return { kind: recorded.kind, identity, studyId: recorded.studyId };
  } catch (error) {
    if (input.signal?.aborted === true) {
      throw error;
    }
    // A committed object stays when the database fails: the commit may have happened unseen, and a sender
    // that tries again finds its bytes in place.
    return { kind: 'failed', identity: known, error: toPipelineError(error) };
  }
}

/** The checks that need no more than the header, in the order of their usefulness to the sender. */
function checkHeader(
  header: IngestHeader,
  decodable: ReadonlySet<TransferSyntaxUid>,
  { expectedStudyInstanceUID, expectedObject }: IngestInput,
): InstanceIdentity {
  const { SOPClassUID, SOPInstanceUID, SeriesInstanceUID, StudyInstanceUID, TransferSyntaxUID } =
    header;
  if (SOPClassUID === undefined) {
    throw missing('SOPClassUID');
  }
  if (!isAcceptedSopClass(SOPClassUID)) {
    throw new PipelineError('sop-class-unsupported');
  }
  if (!isTransferSyntax(TransferSyntaxUID) || !decodable.has(TransferSyntaxUID)) {
    throw new PipelineError('transfer-syntax-unsupported');
  }
  if (SOPInstanceUID === undefined) {
    throw missing('SOPInstanceUID');
  }
  if (StudyInstanceUID === undefined) {
    throw missing('StudyInstanceUID');
  }
  if (SeriesInstanceUID === undefined) {
    throw missing('SeriesInstanceUID');
  }
  if (expectedStudyInstanceUID !== undefined && StudyInstanceUID !== expectedStudyInstanceUID) {
    throw new PipelineError('study-uid-mismatch');
  }
  if (
    expectedObject !== undefined &&
    (SOPClassUID !== expectedObject.SOPClassUID || SOPInstanceUID !== expectedObject.SOPInstanceUID)
  ) {
    throw new PipelineError('sop-instance-mismatch');
  }
  return { SOPClassUID, SOPInstanceUID, SeriesInstanceUID, StudyInstanceUID, TransferSyntaxUID };
}

function missing(keyword: string): PipelineError {
  return new PipelineError('attribute-missing', `${keyword} is missing or not a valid UID.`);
}

function knownIdentity(header: IngestHeader): KnownIdentity {
  const { SOPClassUID, SOPInstanceUID, SeriesInstanceUID, StudyInstanceUID, TransferSyntaxUID } =
    header;
  return { SOPClassUID, SOPInstanceUID, SeriesInstanceUID, StudyInstanceUID, TransferSyntaxUID };
}

/** SOP Class and transfer syntax by keyword: a log holds no UID, not even a harmless one. */
function describe(header: IngestHeader, facts: Record<string, unknown>): void {
  const sopClass: string = header.SOPClassUID ?? '';
  const syntax: string = header.TransferSyntaxUID;
  facts['SOPClass'] = isAcceptedSopClass(sopClass)
    ? ACCEPTED_SOP_CLASSES[sopClass].keyword
    : 'other';
  facts['TransferSyntax'] = isTransferSyntax(syntax) ? TRANSFER_SYNTAXES[syntax].keyword : 'other';
}

function report(deps: IngestInstanceDeps, outcome: IngestOutcome, facts: LogFacts): IngestOutcome {
  deps.metrics?.received(outcome.kind === 'failed' ? outcome.error.code : outcome.kind);
  switch (outcome.kind) {
    case 'stored':
      deps.logger.info(facts, 'instance stored');
      break;
    case 'duplicate':
      deps.logger.info(facts, 'instance known already');
      break;
    case 'failed': {
      const { error } = outcome;
      const all = { ...facts, code: error.code };
      if (error.code === 'instance-conflict') {
        deps.logger.warn(
          { ...all, audit: true },
          'instance refused: other bytes under a known UID',
        );
      } else if (error.failure === 'permanent' && error.code !== 'internal') {
        deps.logger.warn(all, 'instance refused');
      } else {
        deps.logger.error({ ...all, err: error }, 'instance not stored');
      }
      break;
    }
    default:
      assertNever(outcome);
  }
  return outcome;
}

/** Tells a failure of the sender's stream from one of the store that reads it. */
function watchSender(
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): { readonly bytes: AsyncIterable<Uint8Array>; failed(): boolean } {
  let failed = false;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of bytes) {
        signal?.throwIfAborted();
        yield chunk;
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  }
  return { bytes: watched(), failed: () => failed };
}
