import { STATE_MACHINES } from '../core/states/machines.js';
import type { StateMachine } from '../core/states/state-machine.js';

/** docs/states.md, from the tables that the code itself reads. */
export function statesPage(): string {
  const machines = Object.entries<StateMachine<string>>(STATE_MACHINES);
  return `# States, and who may change them

<!-- Made by "npm run gen" from core/states/machines.ts; edit there. -->

Whatever is not in these tables is forbidden. A test does everything to a study that anybody can do, in any order, and
holds each change against them. Where things stand is in the database and never in the queue alone: \`preread status\`,
\`GET /api/v1/status\` and \`/metrics\` show it.

${machines.map(([name, machine]) => section(name, machine)).join('\n\n')}
`;
}

function section(name: string, { about, states, transitions }: StateMachine<string>): string {
  return `## ${name.charAt(0).toUpperCase()}${name.slice(1)}

${about}

| state | meaning |
|---|---|
${Object.entries(states)
  .map(([state, meaning]) => `| \`${state}\` | ${meaning} |`)
  .join('\n')}

| from | to | by | when |
|---|---|---|---|
${transitions
  .map(
    ({ from, to, by, when }) =>
      `| ${from === 'nothing' ? '' : `\`${from}\``} | \`${to}\` | ${by} | ${when} |`,
  )
  .join('\n')}`;
}
