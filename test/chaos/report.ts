import type { ChaosReport } from './run-chaos.js';

/** The report as a table of Markdown. */
export function chaosTable(report: ChaosReport): string {
  const { options, verdict, load, receiver } = report;
  const kills = [...report.faults].filter(([name]) => name.startsWith('kill'));
  const rows: [string, string | number][] = [
    [
      'command',
      `npm run test:chaos -- --backend ${options.backend} --kills ${options.kills} --seed ${options.seed}`,
    ],
    ['duration', `${report.seconds} s`],
    ['processes killed (SIGKILL)', kills.reduce((sum, [, times]) => sum + times, 0)],
    ...[...report.faults].sort().map(([name, times]): [string, number] => [`- ${name}`, times]),
    ['studies sent', load.studies],
    ['- with a late image', load.late],
    ['- sent again', load.repeated],
    ['instances acknowledged', verdict.acknowledged],
    ...[...load.stored]
      .sort()
      .map(([road, times]): [string, number] => [`- answers over ${road}`, times]),
    ['instances never acknowledged', load.givenUp],
    ['outcomes: scored', verdict.scored],
    ['outcomes: not analysed', verdict.notAnalysed],
    ['result versions', verdict.versions],
    ['- amended', verdict.amended],
    ['webhook requests', receiver.requests],
    ['- dropped by the line', receiver.dropped],
    ['- answered 503', receiver.refused],
    ['- answer lost after processing', receiver.answersLost],
    ['messages received twice, under the same key', verdict.duplicates],
    ['**promises broken**', `**${verdict.violations.length}**`],
  ];
  return ['| what | figure |', '|---|---|', ...rows.map(([what, n]) => `| ${what} | ${n} |`)].join(
    '\n',
  );
}
