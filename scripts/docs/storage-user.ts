import { SENDER_MAX_PDU_BYTES, SENT_TRANSFER_SYNTAXES } from '../../adapters/dimse/store-sink.js';
import { DIMSE_STATUS, statusHex } from '../../core/dimse/command-set.js';
import {
  COMMITMENT_EVENTS,
  REQUEST_STORAGE_COMMITMENT,
  STORAGE_COMMITMENT_INSTANCE,
  STORAGE_COMMITMENT_PUSH,
} from '../../core/dimse/storage-commitment.js';
import { SENT_AS, SENT_SOP_CLASSES } from '../../core/delivery/dicom/sent-sop-classes.js';
import { isTransferSyntax, TRANSFER_SYNTAXES } from '../../core/dicom/transfer-syntaxes.js';

/** The part of the conformance statement on what is sent, from the tables of the senders. */
export function storageUser(): string {
  const syntaxes = SENT_TRANSFER_SYNTAXES.map((uid) =>
    isTransferSyntax(uid) ? `${TRANSFER_SYNTAXES[uid].keyword} (\`${uid}\`)` : uid,
  );
  const rows = (Object.keys(SENT_SOP_CLASSES) as (keyof typeof SENT_SOP_CLASSES)[]).map(
    (name) =>
      `| ${name.replace(/^./, (first) => first.toUpperCase())}Storage | \`${SENT_SOP_CLASSES[name]}\` | SCU | ${SENT_AS[name].map((object) => `\`${object}\``).join(', ')} |`,
  );
  return `## Storage as SCU

The delivery role opens an association to each destination of kind \`dimse\` that has a result to get, sends its objects and releases
it. [integration/dicom-results.md](integration/dicom-results.md) says what the objects hold.

| abstract syntax | UID | role | setting \`objects\` |
|---|---|---|---|
${rows.join('\n')}

- Each abstract syntax of the objects in hand is proposed in ${syntaxes.length} contexts, one for each of ${syntaxes.join(' and ')}; of those accepted the first
  of this list is used. The report's class is chosen by \`report\`; no other is tried in its place.
- Maximum PDU length that is received: ${SENDER_MAX_PDU_BYTES} bytes. Sent PDUs keep to the peer's limit.
- Asynchronous operations window, extended negotiation, user identity, role selection: not proposed. Priority: MEDIUM.
- Objects go one after the other; the first that is refused ends the association by an abort, and a repetition sends all of them
  again, under the same SOP Instance UIDs.
- Stored: 0000, B000, B006, B007, and 0111 (duplicate). Tried again: A7xx, 0110, a rejected or aborted association, no answer.
  Anything else, and a SOP Class that is not accepted, ends the delivery as dead.

## Storage Commitment Push Model as SCU

For destinations with \`storageCommitment: true\`, on the association that has stored the objects.

| abstract syntax | UID | role | transfer syntaxes |
|---|---|---|---|
| Storage Commitment Push Model | \`${STORAGE_COMMITMENT_PUSH}\` | SCU | ${syntaxes.join(', ')} |

- N-ACTION, Action Type ${REQUEST_STORAGE_COMMITMENT}, on \`${STORAGE_COMMITMENT_INSTANCE}\`: Transaction UID (new for each request) and Referenced SOP Sequence with all objects of
  the result. Any status but 0000 is a failed attempt, which is tried again.
- N-EVENT-REPORT, Event Types ${COMMITMENT_EVENTS.successful} and ${COMMITMENT_EVENTS.failuresExist}: taken on that association while the delivery waits for it, and on associations of
  the peer to the DIMSE service at any time, with role selection (the requestor is SCP) or without.
- Answers to a report: 0000, also for a transaction that is not known; ${statusHex(DIMSE_STATUS.noSuchObjectInstance)} another instance, ${statusHex(DIMSE_STATUS.noSuchEventType)} another event type, ${statusHex(DIMSE_STATUS.invalidArgumentValue)} a report that
  cannot be read or contradicts its event type, A7xx while the database does not answer.
- Failures: the objects are stored and the request is made again by the delivery's schedule.

## STOW-RS as user agent

\`POST {url}/studies\`, one request for a result: \`multipart/related; type="application/dicom"\`, Explicit VR Little Endian. Accepts
\`application/dicom+json\`; the Failed SOP Sequence (0008,1198) and the Referenced SOP Sequence (0008,1199) of the answer are looked at.
`;
}
