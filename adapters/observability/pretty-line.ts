const LEVEL_NAMES: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/** A line of pino's JSON as a line for people: time of day, level, message, facts. */
export function prettyLine(json: string): string {
  const { level, time, msg, err, ...facts } = JSON.parse(json) as Record<string, unknown>;
  const clock = new Date(Number(time)).toISOString().slice(11, 23);
  const fields = Object.entries(facts).map(([name, value]) => `${name}=${toText(value)}`);
  const error = err === undefined ? '' : describeError(err);
  const name = (LEVEL_NAMES[Number(level)] ?? '').padEnd(5);
  return `${[clock, name, toText(msg), ...fields].join(' ')}${error}\n`;
}

function describeError(err: unknown): string {
  const { type, message, stack, cause } = err as Record<string, unknown>;
  const frames = Array.isArray(stack) ? stack.slice(0, 4).map((at) => `\n        at ${at}`) : [];
  const because = cause === undefined ? '' : `\n      because of ${describeError(cause)}`;
  return `\n      ${toText(type)}: ${toText(message)}${frames.join('')}${because}`;
}

function toText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
