import { SingleBar } from 'cli-progress';

/** How often a line is printed where there is no terminal. */
const LINE_INTERVAL_MS = 5_000;
/** The rate is that of about so many last seconds. */
const RATE_WINDOW_MS = 10_000;

export interface Progress {
  /** So many files are known to be there; the last call is the final number. */
  setTotal(total: number): void;
  /** So many rows are there now. */
  update(rows: number): void;
  stop(): void;
}

export type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** Shows how far a run is: a bar on a terminal, else a line now and then. Never a file name. */
export function createProgress(
  stream: ProgressStream,
  alreadyDone: number,
  nowMs: () => number,
): Progress {
  const rate = createRate(alreadyDone, nowMs);
  let total: number | undefined;
  return stream.isTTY === true ? bar() : lines();

  function describe(rows: number): string {
    const of = total === undefined ? '' : ` of ${total}`;
    return `${rows}${of} files  ${rate.describe(rows, total)}`;
  }

  function bar(): Progress {
    const singleBar = new SingleBar({
      stream,
      format: '{bar} {text}',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      hideCursor: true,
      // Signals are ours: a run that is interrupted says how to go on.
      gracefulExit: false,
    });
    // One more than there are, until the walk has counted: a bar without a total would look full.
    singleBar.start(alreadyDone + 1, alreadyDone, { text: describe(alreadyDone) });
    return {
      setTotal(known) {
        total = known;
        singleBar.setTotal(known);
      },
      update(rows) {
        rate.update(rows);
        if (total === undefined) {
          singleBar.setTotal(rows + 1);
        }
        singleBar.update(rows, { text: describe(rows) });
      },
      stop() {
        singleBar.stop();
      },
    };
  }

  function lines(): Progress {
    let lastLineMs = nowMs();
    return {
      setTotal(known) {
        total = known;
      },
      update(rows) {
        rate.update(rows);
        if (nowMs() - lastLineMs >= LINE_INTERVAL_MS) {
          lastLineMs = nowMs();
          stream.write(`${describe(rows)}\n`);
        }
      },
      stop() {
        // A line stands for itself.
      },
    };
  }
}

interface Rate {
  update(rows: number): void;
  describe(rows: number, total: number | undefined): string;
}

/** Rows a second over a sliding window: the first images are slower, and archives are not uniform. */
export function createRate(startRows: number, nowMs: () => number): Rate {
  let samples = [{ atMs: nowMs(), rows: startRows }];
  return {
    update(rows) {
      const atMs = nowMs();
      const last = samples.at(-1);
      // At most ten samples a window, however fast the rows come.
      if (last === undefined || atMs - last.atMs >= RATE_WINDOW_MS / 10) {
        samples.push({ atMs, rows });
        samples = samples.filter(
          (sample, index) => index === samples.length - 1 || atMs - sample.atMs <= RATE_WINDOW_MS,
        );
      }
    },
    describe(rows, total) {
      const [first] = samples;
      const seconds = first === undefined ? 0 : (nowMs() - first.atMs) / 1000;
      const perSecond = first === undefined || seconds <= 0 ? 0 : (rows - first.rows) / seconds;
      if (perSecond <= 0) {
        return '';
      }
      const left = total === undefined ? '' : `, ${duration((total - rows) / perSecond)} left`;
      return `${perSecond.toFixed(1)}/s${left}`;
    },
  };
}

/** Seconds as people say them: `2 h 05 min`, `3 min 20 s`, `12 s`. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) {
    return `${hours} h ${String(minutes).padStart(2, '0')} min`;
  }
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
