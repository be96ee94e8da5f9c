import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { demoStudies } from '../../scripts/phantom/demo-studies.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startOrthanc } from '../support/orthanc-server.js';
import { describeWithPeer } from '../support/peers.js';
import { startServe } from '../support/preread-process.js';
import { temporaryFolder } from '../support/temp-folder.js';

describeWithPeer('orthanc', 'Orthanc to preread and back', (peer) => {
  it('finds report and summary page in the study that it has forwarded', async () => {
    const folder = temporaryFolder();
    const port = await freePort();
    const dimsePort = await freePort();
    const orthanc = await startOrthanc(
      peer,
      temporaryFolder(),
      {
        preread: `http://127.0.0.1:${port}/dicom-web/`,
      },
      { modalities: { preread: ['PREREAD', '127.0.0.1', dimsePort] } },
    );
    const destinations = join(folder, 'destinations.yaml');
    writeFileSync(
      destinations,
      `destinations:
  - name: by-dicomweb
    kind: dicomweb
    url: ${orthanc.url}/dicom-web
    objects: [sr]
  - name: by-dimse
    kind: dimse
    host: 127.0.0.1
    port: ${orthanc.dicomPort}
    calledAeTitle: ORTHANC
    objects: [sc]
    storageCommitment: true
    order: 1
`,
    );
    const serve = await startServe({
      PREREAD_DATA_DIR: join(folder, 'data'),
      PREREAD_PORT: String(port),
      PREREAD_DIMSE_PORT: String(dimsePort),
      PREREAD_DESTINATIONS: destinations,
      PREREAD_MIN_FREE_BYTES: '0',
    });
    try {
      const study = await firstStudy();
      const ids = [];
      for (const { bytes } of study.instances) {
        ids.push(await orthanc.upload(bytes));
      }
      expect((await orthanc.stow('preread', ids)).state).toBe('Success');
      await eventually(
        async () => {
          const answer = await fetch(`${orthanc.url}/tools/find`, {
            method: 'POST',
            body: JSON.stringify({
              Level: 'Series',
              Query: { StudyInstanceUID: study.StudyInstanceUID },
              Expand: true,
            }),
          });
          const series = (await answer.json()) as { MainDicomTags: { Modality: string } }[];
          const modalities = series.map(({ MainDicomTags }) => MainDicomTags.Modality);
          expect(modalities).toEqual(expect.arrayContaining(['SR', 'OT']));
        },
        { timeoutMs: 90_000, intervalMs: 250 },
      );
      // Orthanc reports on an association of its own to the DIMSE service.
      await eventually(
        async () => {
          const answer = await fetch(
            `http://127.0.0.1:${port}/api/v1/deliveries?destination=by-dimse`,
          );
          const { deliveries } = (await answer.json()) as { deliveries: { receipt: object }[] };
          expect(deliveries.map(({ receipt }) => receipt)).toEqual([
            { objects: 1, commitment: 'committed' },
          ]);
        },
        { timeoutMs: 60_000, intervalMs: 250 },
      );
    } finally {
      await serve.stop();
      await orthanc.stop();
    }
  });
});

async function firstStudy() {
  for await (const study of demoStudies({ seed: 'closed-loop', count: 1 })) {
    return study;
  }
  throw new Error('the phantom made no study');
}
