import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { modelSearchPath } from '../../adapters/models/find-model.js';
import { readModelFolder } from '../../adapters/models/load-model.js';
import type { ModelOverlay } from '../../core/inference/model-overlay.js';
import { demoStudies } from '../../scripts/phantom/demo-studies.js';
import { eventually } from '../support/eventually.js';
import { startOrthanc } from '../support/orthanc-server.js';
import { describeWithPeer } from '../support/peers.js';
import { startServe } from '../support/preread-process.js';
import { stow } from '../support/stow.js';
import { fetchStudy } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';

describeWithPeer('orthanc', 'heat map pages', (peer) => {
  it('stand in the study in the archive, one for each flagged finding of an image, where the site turns them on', async () => {
    const folder = temporaryFolder();
    const orthanc = await startOrthanc(peer, temporaryFolder(), {});
    onTestFinished(() => orthanc.stop());
    const PREREAD_DESTINATIONS = join(folder, 'destinations.yaml');
    writeFileSync(
      PREREAD_DESTINATIONS,
      `destinations:
  - name: archive
    kind: dicomweb
    url: ${orthanc.url}/dicom-web
    objects: [sr, heatmap]
`,
    );
    const serve = await startServe({
      PREREAD_DATA_DIR: join(folder, 'data'),
      PREREAD_DESTINATIONS,
      PREREAD_HEAT_MAPS: 'true',
      PREREAD_MODEL_OVERLAY: await writeSensitiveOverlay(folder),
      PREREAD_MIN_FREE_BYTES: '0',
    });
    onTestFinished(async () => {
      await serve.stop();
    });
    let pages = 0;
    for await (const study of demoStudies({ seed: 'heat-maps', count: 1 })) {
      await stow(
        serve.url,
        study.instances.map(({ bytes }) => bytes),
      );
      await eventually(
        async () => {
          const found = await fetchStudy(serve.url, study.StudyInstanceUID);
          expect(found?.deliveries).toMatchObject([{ state: 'delivered' }]);
        },
        { timeoutMs: 120_000 },
      );
      const found = await fetchStudy(serve.url, study.StudyInstanceUID);
      const expected = (found?.result?.instances ?? []).flatMap(({ outcome }) =>
        outcome.kind === 'scored' ? outcome.findings.filter(({ flagged }) => flagged) : [],
      ).length;
      expect(await heatMapsOf(orthanc.url, study.StudyInstanceUID)).toBe(expected);
      pages += expected;
    }
    expect(pages).toBeGreaterThan(0);
  });
});

/** By which everything is flagged. */
async function writeSensitiveOverlay(folder: string): Promise<string> {
  const { manifest } = await readModelFolder('preread-cxr14', modelSearchPath(undefined));
  const { name, version, file } = manifest;
  const overlay: ModelOverlay = {
    schemaVersion: 1,
    name: 'sensitive',
    version: '1.0.0',
    model: { name, version, sha256: file.sha256 },
    criterion: 'everything',
    calibrationMethod: 'none',
    fittedOn: {
      images: 0,
      patients: 0,
      patientsKnown: true,
      folds: 1,
      seed: 0,
      labelsSha256: '',
      softwareVersion: '0.0.0',
    },
    findings: Object.fromEntries(
      manifest.findings.map(({ key }) => [key, { threshold: 1e-6, basis: 'site' as const }]),
    ),
  };
  const path = join(folder, 'overlay.json');
  writeFileSync(path, JSON.stringify(overlay));
  return path;
}

async function heatMapsOf(url: string, StudyInstanceUID: string): Promise<number> {
  const answer = await fetch(`${url}/tools/find`, {
    method: 'POST',
    body: JSON.stringify({
      Level: 'Instance',
      Query: { StudyInstanceUID, SeriesDescription: 'AI pre-read heat map*' },
    }),
  });
  return ((await answer.json()) as unknown[]).length;
}
