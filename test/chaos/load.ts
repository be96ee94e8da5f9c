import { setTimeout as sleep } from 'node:timers/promises';

import type { Random } from '../../scripts/phantom/random.js';
import type { ChestImage } from './chest-images.js';
import type { Ledger } from './ledger.js';
import type { Road } from './senders.js';

/** A sender gives an image up after so many attempts. */
const MAX_ATTEMPTS = 40;
const RETRY_PAUSE_MS = 250;

export interface LoadOptions {
  /** The roads into the pipeline; each sending draws one, and a repetition may take another. */
  readonly roads: readonly Road[];
  readonly imageOf: (study: number, instance: number, stat: boolean) => ChestImage;
  readonly random: Random;
  readonly ledger: Ledger;
  /** Senders at work at the same time. */
  readonly senders: number;
  /** Pause of a sender between two studies. */
  readonly pauseMs: number;
}

export interface Load {
  readonly counts: {
    studies: number;
    late: number;
    repeated: number;
    givenUp: number;
    /** Answers of success by the name of the road. */
    readonly stored: Map<string, number>;
  };
  /** Lets the senders finish what they have begun. */
  stop(): Promise<void>;
}

/**
 * Steady load: studies of one or two images, some STAT, some images late, some sent twice, some senders
 * that do not repeat what was not acknowledged.
 */
export function startLoad(options: LoadOptions): Load {
  const { roads, imageOf, random, ledger } = options;
  const counts = {
    studies: 0,
    late: 0,
    repeated: 0,
    givenUp: 0,
    stored: new Map<string, number>(),
  };
  const stopping = new AbortController();

  /** Whether all of them were acknowledged. */
  async function sendOnce(images: readonly ChestImage[]): Promise<boolean> {
    const road = roads[Math.floor(random.uniform() * roads.length)];
    const stored = new Set<ChestImage>();
    await road?.send(images, (image) => {
      counts.stored.set(road.name, (counts.stored.get(road.name) ?? 0) + 1);
      ledger.acknowledge(image.StudyInstanceUID, image.SOPInstanceUID);
      stored.add(image);
    });
    return stored.size === images.length;
  }

  async function send(images: readonly ChestImage[]): Promise<void> {
    for (const { StudyInstanceUID, SOPInstanceUID } of images) {
      ledger.sent(StudyInstanceUID, SOPInstanceUID);
    }
    const attempts = random.uniform() < 0.1 ? 1 : MAX_ATTEMPTS;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      if (await sendOnce(images).catch(() => false)) {
        return;
      }
      await sleep(RETRY_PAUSE_MS);
    }
    counts.givenUp += images.length;
  }

  async function sendStudy(study: number): Promise<void> {
    const stat = random.uniform() < 0.1;
    const images = [imageOf(study, 0, stat)];
    if (random.uniform() < 0.4) {
      images.push(imageOf(study, 1, stat));
    }
    const late = images.length > 1 && random.uniform() < 0.5 ? images.splice(1) : [];
    await send(images);
    if (late.length > 0) {
      counts.late += 1;
      await sleep(random.between(0, 1_500));
      await send(late);
    }
    if (random.uniform() < 0.1) {
      counts.repeated += 1;
      await send(images);
    }
  }

  async function runSender(): Promise<void> {
    while (!stopping.signal.aborted) {
      counts.studies += 1;
      await sendStudy(counts.studies);
      await sleep(options.pauseMs * random.between(0.5, 1.5), undefined, {
        signal: stopping.signal,
      }).catch(() => undefined);
    }
  }
  const running = Array.from({ length: options.senders }, runSender);

  return {
    counts,
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}
