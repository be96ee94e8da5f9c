/** What a script can rely on; documented in README.md. */
export const EXIT = {
  ok: 0,
  /** The command ran and failed as a whole (nothing usable came out). */
  failure: 1,
  /** Wrong arguments or configuration; nothing was started. */
  usage: 2,
  /** The command finished, and some items have an error outcome (their rows say which). */
  partial: 3,
  /** Stopped by Ctrl-C (128 + SIGINT); what was finished is kept and can be resumed. */
  interrupted: 130,
} as const;
