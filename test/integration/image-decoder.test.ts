import { afterEach, expect, it } from 'vitest';

import {
  createImageDecoder,
  type ImageDecoder,
} from '../../adapters/dicom/rendering/image-decoder.js';
import { sampleRadiograph } from '../support/sample-report.js';

const radiograph = { bytes: sampleRadiograph() };
let decoder: ImageDecoder;
afterEach(() => decoder.close());

function start(options: Partial<Parameters<typeof createImageDecoder>[0]>): void {
  decoder = createImageDecoder({
    readFile: () => Promise.reject(new Error('no file here')),
    maxWaiting: 2,
    background: false,
    ...options,
  });
}

it('refuses images that take too long, one after the other, and does not wait for them', async () => {
  start({ limitMs: 1 });
  const refused = {
    code: 'pixel-data-corrupt',
    message: 'The image was not decoded within 0.001 s.',
  };
  await expect(decoder.picture(radiograph, 0)).rejects.toMatchObject(refused);
  await expect(decoder.samples(radiograph, 0)).rejects.toMatchObject(refused);
});

it('refuses what is too much to wait, and serves nobody who has gone', async () => {
  start({});
  const first = decoder.picture(radiograph, 0);
  const second = decoder.picture(radiograph, 0, undefined, () => false);
  await expect(decoder.picture(radiograph, 0)).rejects.toMatchObject({ code: 'overloaded' });
  await expect(second).rejects.toMatchObject({ code: 'request-timeout' });
  expect((await first).width).toBeGreaterThan(0);
});

it('says that it is shutting down to whoever waits when it is closed', async () => {
  start({});
  const waiting = decoder.picture(radiograph, 0);
  const refused = expect(waiting).rejects.toMatchObject({ code: 'shutting-down' });
  await new Promise(setImmediate);
  await decoder.close();
  await refused;
});
