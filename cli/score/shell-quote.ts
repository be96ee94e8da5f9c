/** A word as a POSIX shell must be given it. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The command line that goes on where this one stopped. */
export function resumeCommand(args: readonly string[]): string {
  const kept = args.filter((arg) => arg !== '--force' && arg !== '--resume');
  return ['preread', ...kept, '--resume'].map(shellQuote).join(' ');
}
