import type { ReceivedMessage, WebhookEvent } from './webhook-listener.js';

/** A message in one line for people. Study UIDs are shown: whoever listens is whom they are sent to. */
export function describeEvent(event: Extract<WebhookEvent, { kind: 'message' }>): string {
  const { message, id, answer } = event;
  const notes = [
    ...(event.repeated ? ['repetition'] : []),
    ...(answer === 204 ? [] : [`answered ${answer}`]),
  ];
  const tail = notes.length === 0 ? '' : ` (${notes.join(', ')})`;
  return `${message.timestamp} ${message.type} ${summary(message)} ${id}${tail}`;
}

function summary({ type, data }: ReceivedMessage): string {
  if (type === 'delivery.failed') {
    return `${data.StudyInstanceUID} v${data.resultVersion} to ${data.destination}: ${data.error}`;
  }
  const study = `${data.StudyInstanceUID} v${data.resultVersion}`;
  if (type === 'study.not_analysed') {
    return study;
  }
  const { priority, flaggedFindings } = data.triage;
  return `${study} ${priority}: ${flaggedFindings.join(', ') || 'nothing flagged'}`;
}
