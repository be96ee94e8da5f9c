export interface Acknowledgment {
  /** MSA-1: AA, AE, AR, CA, CE or CR. */
  readonly code: string;
  /** MSA-2: the MSH-10 that it answers. */
  readonly messageControlId: string;
}

/** The acknowledgment in a message; undefined for what is none. */
export function parseAcknowledgment(message: string): Acknowledgment | undefined {
  const separator = message.startsWith('MSH') ? message.charAt(3) : '';
  const msa = message.split(/\r\n|\r|\n/).find((line) => line.startsWith(`MSA${separator}`));
  if (separator === '' || msa === undefined) {
    return undefined;
  }
  const [, code = '', messageControlId = ''] = msa.split(separator).map((field) => field.trim());
  return { code, messageControlId };
}

/** Accepted: by the application, or for safe keeping. Any other code is a refusal of the message as it is. */
export function isAccepted({ code }: Acknowledgment): boolean {
  return code === 'AA' || code === 'CA';
}
