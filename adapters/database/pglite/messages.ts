/** What the thread of an embedded server is started with. */
export interface ThreadData {
  /** A complete database cluster. */
  readonly databaseFolder: string;
}

/**
 * As PostgreSQL's `synchronous_commit`: whether a commit is on the disk before anybody hears of it (`strict`), or
 * soon afterwards (`lazy`), but never behind a later one.
 */
export type Durability = 'strict' | 'lazy';

export type ToThread =
  /** Protocol messages that end in exactly one ReadyForQuery. */
  | {
      readonly kind: 'batch';
      readonly client: number;
      readonly bytes: Uint8Array;
      readonly durability: Durability;
    }
  | { readonly kind: 'leave'; readonly client: number }
  /** Shut the server down; the thread ends when that is done. Nothing follows. */
  | { readonly kind: 'close' };

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly client: number; readonly bytes: Uint8Array }
  | { readonly kind: 'notifications'; readonly bytes: Uint8Array };

/** A copy that can be transferred: sending a view of a larger buffer would send all of that. */
export function transferable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
