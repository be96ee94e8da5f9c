import { isIP } from 'node:net';

import type { z } from 'zod';

/** An AE title that may call, perhaps from one address only. */
export interface Caller {
  readonly aeTitle: string;
  readonly address: string | undefined;
}

/** `everybody`, or these. */
export type Callers = 'everybody' | readonly Caller[];

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

const AE_TITLE_CHARACTERS = 16;

/** Undefined when the setting is. */
export function parseCallers(
  text: string | undefined,
  context: z.RefinementCtx,
): Callers | undefined {
  if (text === undefined) {
    return undefined;
  }
  const named = entries(text);
  if (named.includes('*')) {
    return 'everybody';
  }
  return named.map((entry) => {
    const [aeTitle = '', address] = entry.split('@').map((part) => part.trim());
    if (!isTitle(aeTitle) || (address !== undefined && isIP(address) === 0)) {
      problem(context, `"${entry}" is not an AE title, or one with @ and an IP address`);
    }
    return { aeTitle, address };
  });
}

export function parsePeers(
  text: string,
  context: z.RefinementCtx,
): ReadonlyMap<string, PeerAddress> {
  return new Map(
    entries(text).map((entry) => {
      const [, aeTitle = '', host = '', port = ''] = /^([^=]+)=(.+):(\d+)$/.exec(entry) ?? [];
      if (!isTitle(aeTitle.trim()) || Number(port) < 1 || Number(port) > 65_535) {
        problem(context, `"${entry}" is not of the form AETITLE=host:port`);
      }
      const bareHost = host.trim().replace(/^\[(.*)\]$/, '$1');
      return [aeTitle.trim(), { host: bareHost, port: Number(port) }];
    }),
  );
}

/** @param remoteAddress as Node gives it: IPv4 may be mapped into IPv6 */
export function mayCall(
  callers: Callers,
  aeTitle: string,
  remoteAddress: string | undefined,
): boolean {
  const address = remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '');
  return (
    callers === 'everybody' ||
    callers.some(
      (caller) =>
        caller.aeTitle === aeTitle && (caller.address === undefined || caller.address === address),
    )
  );
}

function entries(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function isTitle(text: string): boolean {
  return text.length > 0 && text.length <= AE_TITLE_CHARACTERS && !text.includes('\\');
}

function problem(context: z.RefinementCtx, message: string): void {
  context.addIssue({ code: 'custom', message });
}
