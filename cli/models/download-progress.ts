import { SingleBar } from 'cli-progress';

const MEGABYTE = 1e6;
/** In a log, a line for each of these steps. */
const LINE_PERCENT = 20;

interface DownloadProgress {
  update(receivedBytes: number, totalBytes: number | undefined): void;
  stop(): void;
}

/** A bar on a terminal, a few lines elsewhere. */
export function createDownloadProgress(
  stream: NodeJS.WritableStream & { isTTY?: boolean },
): DownloadProgress {
  const bar = stream.isTTY
    ? new SingleBar({ stream, format: '{bar} {percentage}% {value}/{total} MB', hideCursor: true })
    : undefined;
  let started = false;
  let shown = 0;
  return {
    update(receivedBytes, totalBytes) {
      const done = Number((receivedBytes / MEGABYTE).toFixed(1));
      const total = Number(((totalBytes ?? receivedBytes) / MEGABYTE).toFixed(1));
      if (bar !== undefined) {
        if (!started) {
          bar.start(total, done);
          started = true;
        }
        bar.setTotal(total);
        bar.update(done);
        return;
      }
      const percent = totalBytes === undefined ? 0 : Math.floor((100 * receivedBytes) / totalBytes);
      if (percent >= shown + LINE_PERCENT) {
        shown = percent - (percent % LINE_PERCENT);
        stream.write(`${shown} % of ${total} MB\n`);
      }
    },
    stop() {
      bar?.stop();
    },
  };
}
