/** Storage Commitment Push Model: the data sets of its messages. Source: PS3.4 J.3. */
export const STORAGE_COMMITMENT_PUSH = '1.2.840.10008.1.20.1';
export const STORAGE_COMMITMENT_INSTANCE = '1.2.840.10008.1.20.1.1';
export const REQUEST_STORAGE_COMMITMENT = 1;
/** Event types: everything is committed, or failures exist. */
export const COMMITMENT_EVENTS = { successful: 1, failuresExist: 2 } as const;

export interface ReferencedObject {
  readonly ReferencedSOPClassUID: string;
  readonly ReferencedSOPInstanceUID: string;
}

export interface FailedObject extends ReferencedObject {
  /** Failure Reason (0008,1197). */
  readonly FailureReason: number;
}

export interface CommitmentReport {
  readonly TransactionUID: string;
  readonly committed: readonly ReferencedObject[];
  readonly failed: readonly FailedObject[];
}

const IMPLICIT_VR_LITTLE_ENDIAN = '1.2.840.10008.1.2';

/** The Event Information of a report, little endian, in ascending order of tags. */
export function encodeCommitmentReport(
  { TransactionUID, committed, failed }: CommitmentReport,
  TransferSyntaxUID: string,
): Buffer {
  const explicit = TransferSyntaxUID !== IMPLICIT_VR_LITTLE_ENDIAN;
  const write = (element: number, vr: string, value: Buffer) =>
    encodeElement(element, vr, value, explicit);
  const reference = (object: ReferencedObject) => [
    write(0x1150, 'UI', uidBytes(object.ReferencedSOPClassUID)),
    write(0x1155, 'UI', uidBytes(object.ReferencedSOPInstanceUID)),
  ];
  const failures = failed.map((object) =>
    Buffer.concat([...reference(object), write(0x1197, 'US', uint16(object.FailureReason))]),
  );
  const references = committed.map((object) => Buffer.concat(reference(object)));
  return Buffer.concat([
    write(0x1195, 'UI', uidBytes(TransactionUID)),
    ...(failures.length > 0 ? [write(0x1198, 'SQ', items(failures))] : []),
    ...(references.length > 0 ? [write(0x1199, 'SQ', items(references))] : []),
  ]);
}

/** The Action Information of a request, little endian: a report without failures has the same elements. */
export function encodeCommitmentRequest(
  TransactionUID: string,
  referenced: readonly ReferencedObject[],
  TransferSyntaxUID: string,
): Buffer {
  return encodeCommitmentReport(
    { TransactionUID, committed: referenced, failed: [] },
    TransferSyntaxUID,
  );
}

/** All elements are of group 0008. */
function encodeElement(element: number, vr: string, value: Buffer, explicit: boolean): Buffer {
  const long = !explicit || vr === 'SQ';
  const header = Buffer.alloc(explicit && long ? 12 : 8);
  header.writeUInt16LE(0x0008, 0);
  header.writeUInt16LE(element, 2);
  if (explicit) {
    header.write(vr, 4, 'latin1');
  }
  if (long) {
    header.writeUInt32LE(value.length, explicit ? 8 : 4);
  } else {
    header.writeUInt16LE(value.length, 6);
  }
  return Buffer.concat([header, value]);
}

function items(bodies: readonly Buffer[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const header = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
      header.writeUInt32LE(body.length, 4);
      return [header, body];
    }),
  );
}

function uidBytes(uid: string): Buffer {
  return Buffer.from(uid.length % 2 === 0 ? uid : `${uid}\0`, 'latin1');
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}
