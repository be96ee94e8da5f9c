import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import type { Random } from '../../scripts/phantom/random.js';
import { stow } from '../support/stow.js';
import type { ChestImage } from './chest-images.js';
import type { Ledger } from './ledger.js';

const responseSchema = z.object({
  '00081199': z
    .object({ Value: z.array(z.object({ '00081155': z.object({ Value: z.array(z.string()) }) })) })
    .optional(),
});

/** A sender gives an image up after so many attempts. */
const MAX_ATTEMPTS = 40;
const RETRY_PAUSE_MS = 250;

export interface LoadOptions {
  readonly url: string;
  readonly imageOf: (study: number, instance: number, stat: boolean) => ChestImage;
  readonly random: Random;
  readonly ledger: Ledger;
  /** Senders at work at the same time. */
  readonly senders: number;
  /** Pause of a sender between two studies. */
  readonly pauseMs: number;
}

export interface Load {
  readonly counts: { studies: number; late: number; repeated: number; givenUp: number };
  /** Lets the senders finish what they have begun. */
  stop(): Promise<void>;
}

/**
 * Steady load: studies of one or two images, some STAT, some images late, some sent twice, some senders
 * that do not repeat what was not acknowledged.
 */
export function startLoad(options: LoadOptions): Load {
  const { url, imageOf, random, ledger } = options;
  const counts = { studies: 0, late: 0, repeated: 0, givenUp: 0 };
  const stopping = new AbortController();

  /** Whether all of them were acknowledged. */
  async function sendOnce(images: readonly ChestImage[]): Promise<boolean> {
    const { status, text } = await stow(
      url,
      images.map(({ bytes }) => bytes),
    );
    if (status !== 200 && status !== 202) {
      return false;
    }
    const answer = responseSchema.parse(JSON.parse(text));
    const stored = new Set(
      answer['00081199']?.Value.flatMap((item) => item['00081155'].Value) ?? [],
    );
    for (const { StudyInstanceUID, SOPInstanceUID } of images) {
      if (stored.has(SOPInstanceUID)) {
        ledger.acknowledge(StudyInstanceUID, SOPInstanceUID);
      }
    }
    return images.every(({ SOPInstanceUID }) => stored.has(SOPInstanceUID));
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
