import { DECODABLE_TRANSFER_SYNTAXES } from '../../adapters/dicom/decoders/registry.js';
import {
  IMPLEMENTATION_CLASS_UID,
  IMPLEMENTATION_VERSION_NAME,
} from '../../core/dicom/part10-header.js';
import { ACCEPTED_SOP_CLASSES, isAcceptedSopClass } from '../../core/dicom/sop-classes.js';
import { isTransferSyntax, TRANSFER_SYNTAXES } from '../../core/dicom/transfer-syntaxes.js';
import { statusHex } from '../../core/dimse/command-set.js';
import { STORAGE_COMMITMENT_PUSH } from '../../core/dimse/storage-commitment.js';
import { ERRORS } from '../../core/errors.js';
import type { ErrorCode } from '../../core/errors.js';
import { PICTURE_TYPES } from '../../adapters/dicom/rendering/encode-picture.js';
import { COMPRESSED_TYPES } from '../../services/ingest-http/dicomweb/frame-type.js';
import { DECODE_LIMIT_MS } from '../../adapters/dicom/rendering/image-decoder.js';
import { CAPABILITIES_TYPES } from '../../services/ingest-http/routes/capabilities.js';
import {
  INSTANCE_KEYS,
  MAX_SEARCHED_STUDIES,
  SERIES_KEYS,
  STUDY_KEYS,
} from '../../services/ingest-http/routes/search-objects.js';
import { ingestDimseConfig } from '../../services/ingest-dimse/config.js';
import { storageUser } from './storage-user.js';
import {
  acceptedContexts,
  VERIFICATION,
} from '../../services/ingest-dimse/presentation-contexts.js';

/** Errors that a C-STORE or a part of a STOW-RS request can end with. */
const STORE_ERRORS: readonly ErrorCode[] = [
  'storage-full',
  'storage-unavailable',
  'database-unavailable',
  'overloaded',
  'shutting-down',
  'payload-too-large',
  'attribute-missing',
  'pixel-data-missing',
  'sop-instance-mismatch',
  'study-uid-mismatch',
  'dicom-unreadable',
  'dicom-truncated',
  'transfer-syntax-unsupported',
  'sop-class-unsupported',
  'instance-conflict',
  'internal',
];

const USES: Readonly<Record<string, string>> = {
  analyse: 'analysed',
  'secondary-capture': 'analysed when a converted radiograph, by the site’s setting',
  'for-processing': 'stored and answered for, never analysed',
};

/** docs/dicom-conformance-statement.md, from the tables that the services use. */
export function conformanceStatement(): string {
  return `# DICOM conformance statement

<!-- Made by "npm run gen" from the tables in the code; edit there. -->

preread receives chest radiographs, analyses them, and sends results on. It is decision support for research and evaluation,
not a medical device.

| | |
|---|---|
| Implementation Class UID | \`${IMPLEMENTATION_CLASS_UID}\` |
| Implementation Version Name | \`${IMPLEMENTATION_VERSION_NAME}\` |
| Application Context Name | \`1.2.840.10008.3.1.1.1\` |
| Character sets | data sets are kept as received; none is converted |

${storageProvider()}
${storageStatuses()}
${commitmentProvider()}
${storageUser()}
${webServices()}
${security()}`;
}

function storageProvider(): string {
  const contexts = acceptedContexts(DECODABLE_TRANSFER_SYNTAXES);
  const plain = [...(contexts.get(VERIFICATION) ?? [])];
  const images = [...contexts.keys()].filter(isAcceptedSopClass);
  const imageSyntaxes = [...(contexts.get(images[0] ?? '') ?? [])];
  const { shape } = ingestDimseConfig;
  return `## Verification and Storage as SCP

The DIMSE service accepts associations on \`PREREAD_DIMSE_PORT\`. It initiates none, except for reports of storage commitment.

| abstract syntax | UID | role | transfer syntaxes | what becomes of it |
|---|---|---|---|---|
| Verification | \`${VERIFICATION}\` | SCP | A | answered |
| Storage Commitment Push Model | \`${STORAGE_COMMITMENT_PUSH}\` | SCP; SCU by role selection | A | see below |
${images
  .map((uid) => {
    const { keyword, use } = ACCEPTED_SOP_CLASSES[uid];
    return `| ${keyword} | \`${uid}\` | SCP | B | ${USES[use] ?? use} |`;
  })
  .join('\n')}

| transfer syntax | UID | A | B |
|---|---|---|---|
${imageSyntaxes
  .map((uid) => {
    const keyword = isTransferSyntax(uid) ? TRANSFER_SYNTAXES[uid].keyword : uid;
    return `| ${keyword} | \`${uid}\` | ${plain.includes(uid) ? 'yes' : ''} | yes |`;
  })
  .join('\n')}

- Of the transfer syntaxes that a requestor proposes in a context, the first one (in its order) that stands in the table is
  accepted. To send an object in the syntax that it has, propose that syntax in a context of its own.
- Level of conformance: 2 (full) for Storage. All elements, private ones too, are kept: the data set is stored byte for byte as it
  came, behind File Meta Information of ours.
- Nothing is coerced.
- Maximum PDU length: ${String(shape.PREREAD_DIMSE_MAX_PDU_BYTES.parse(undefined))} bytes (\`PREREAD_DIMSE_MAX_PDU_BYTES\`); longer ones are aborted.
- Associations at the same time: ${String(shape.PREREAD_DIMSE_MAX_ASSOCIATIONS.parse(undefined))} (\`PREREAD_DIMSE_MAX_ASSOCIATIONS\`); further ones are rejected: transient, service
  provider (presentation), local limit exceeded.
- Asynchronous operations window: not negotiated, one operation at a time.
- SOP Class extended negotiation and user identity: ignored. SCP/SCU role selection: the requestor is SCU; of
  Storage Commitment Push Model it may be SCP, to report on a request of ours.
- Called AE title: checked against \`PREREAD_DIMSE_AE_TITLES\`. Calling AE title: checked against \`PREREAD_DIMSE_CALLERS\`.
- The response is sent when the object is on disk and in the database. Analysis follows later.
`;
}

function storageStatuses(): string {
  const rows = STORE_ERRORS.map((code) => {
    const { failureReason, failure, title } = ERRORS[code];
    return `| ${statusHex(failureReason)} | \`${code}\` | ${title} | ${failure === 'permanent' ? 'no' : 'yes'} |`;
  }).sort();
  return `### Statuses

| status | error | meaning | a repetition helps |
|---|---|---|---|
| 0000 | | stored now, or stored before with the same bytes | |
${rows.join('\n')}

The same values are the Failure Reasons (0008,1197) of a STOW-RS response. C-STORE responses with a failure have the error's name and
sentence as Error Comment (0000,0902). There are no warning statuses. Other operations than those of this
statement are answered with 0211.
`;
}

function commitmentProvider(): string {
  return `## Storage Commitment Push Model as SCP

- N-ACTION with Action Type 1 on the well-known instance is acknowledged when the report is owed; other action types are answered
  with 0123, requests without Transaction UID or references with 0115, other instances with 0112.
- Committed are objects that the database holds and whose file is there. Objects are kept as long as the site's retention says.
- The report (N-EVENT-REPORT, Event Type 1 or 2) goes to AE titles of \`PREREAD_DIMSE_PEERS\` on an association of our own, with role
  selection (SCP), tried again for about a day. For others it follows on the association that asked.
- Failure Reasons: 0112 no such object, 0119 another SOP Class under that UID, 0110 the file cannot be found.
- Storage Media File-Set ID and UID, Retrieve AE Title: not sent.
`;
}

function webServices(): string {
  return `## STOW-RS as origin server

\`POST {base}/studies\` and \`POST {base}/studies/{StudyInstanceUID}\`, base path \`/dicom-web\`. Request bodies: \`multipart/related\`
with parts \`application/dicom\`, or one \`application/dicom\`. Responses: \`application/dicom+json\` or
\`application/dicom+xml\`. The SOP Classes and transfer syntaxes
are those of the Storage SCP. [api.md](api.md) has status codes and the response.

## WADO-RS and QIDO-RS as origin server

| resource below \`{base}/studies/{StudyInstanceUID}\` | media types |
|---|---|
| the study, \`/series/{}\`, \`/series/{}/instances/{}\` | \`multipart/related; type="application/dicom"\`; of one instance also \`application/dicom\` |
| each with \`/metadata\` | \`application/dicom+json\` |
| an instance with \`/frames/{list}\`, \`/bulkdata/7FE00010\` | \`application/octet-stream\` in Explicit VR Little Endian, and the stored form: ${compressedTypes()} |
| each, and frames, with \`/rendered\`, \`/thumbnail\` | ${PICTURE_TYPES.join(', ')}; \`viewport\`, \`window\`, \`quality\`, \`accept\` |

Instances are given in the transfer syntax in which they are stored. The objects of the latest result (the SOP Classes that are sent, see
above) are there beside the images.

| search | matching keys, which are also what is returned |
|---|---|
| \`{base}/studies\` | ${Object.keys(STUDY_KEYS).join(', ')} |
| \`{base}/studies/{}/series\` | ${Object.keys(SERIES_KEYS).join(', ')} |
| \`{base}/studies/{}/series/{}/instances\` | ${Object.keys(INSTANCE_KEYS).join(', ')} |

A search for studies by other keys than StudyInstanceUID looks through the newest ${MAX_SEARCHED_STUDIES} studies; a \`Warning\` header says
when there may be more. A picture or frame that takes longer than ${DECODE_LIMIT_MS / 1000} s to decode is refused (422).

Retrieve Capabilities (PS3.18 8.9): \`OPTIONS {base}/\` answers ${CAPABILITIES_TYPES.join(' or ')}.

Matching: single value, list of UIDs, wildcard, range of dates and times. \`limit\` and \`offset\` page, \`includefield\` and
\`fuzzymatching\` change nothing, other keys are refused (400). Not there: delete, workitems, WADO-URI, search across studies for
series or instances.
`;
}

function compressedTypes(): string {
  const types = [...DECODABLE_TRANSFER_SYNTAXES].flatMap((uid) => COMPRESSED_TYPES[uid] ?? []);
  return [...new Set(types)].sort().join(', ');
}

function security(): string {
  return `## Security

- TLS 1.2 or newer (BCP 195 profile of PS3.15 B.12) for DIMSE and HTTP by own certificate; client certificates for DIMSE by
  \`PREREAD_DIMSE_TLS_CLIENT_CA\`. [operations/tls.md](operations/tls.md), [operations/dimse.md](operations/dimse.md).
- HTTP callers beyond the machine need API keys with scopes.
- Logs hold no patient data and no instance UIDs.
`;
}
