import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';
import { demoStudies } from '../../scripts/phantom/demo-studies.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startOrthanc } from '../support/orthanc-server.js';
import { describeWithPeer } from '../support/peers.js';
import { startServe } from '../support/preread-process.js';
import { temporaryFolder } from '../support/temp-folder.js';

const page = readFileSync(join(packageRoot, 'docs/integration/point-your-pacs.md'), 'utf8');

function block(language: string): string {
  const code = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)?.[1];
  if (code === undefined) {
    throw new Error(`the page has no ${language}`);
  }
  return code;
}

describeWithPeer('orthanc', 'Orthanc with the settings of the page', (peer) => {
  it('forwards images alone, and gets report and summary page into the same study', async () => {
    const folder = temporaryFolder();
    const [httpPort, dimsePort, orthancPort] = [
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const settings = JSON.parse(block('json')) as {
      DicomAet: string;
      DicomModalities: { preread: [string, string, number] };
    };
    expect(settings.DicomAet).toBe('ORTHANC');
    const script = join(folder, 'preread.lua');
    writeFileSync(script, block('lua'));
    const destinations = join(folder, 'destinations.yaml');
    writeFileSync(
      destinations,
      block('yaml').replace('10.0.0.5', '127.0.0.1').replace('4242', String(orthancPort)),
    );
    const orthanc = await startOrthanc(
      peer,
      temporaryFolder(),
      {},
      {
        dicomPort: orthancPort,
        modalities: { preread: [settings.DicomModalities.preread[0], '127.0.0.1', dimsePort] },
        luaScripts: [script],
      },
    );
    const serve = await startServe({
      PREREAD_DATA_DIR: join(folder, 'data'),
      PREREAD_PORT: String(httpPort),
      PREREAD_DIMSE_PORT: String(dimsePort),
      PREREAD_DIMSE_CALLERS: 'ORTHANC@127.0.0.1',
      PREREAD_DESTINATIONS: destinations,
      PREREAD_MIN_FREE_BYTES: '0',
    });
    try {
      for await (const { instances } of demoStudies({ seed: 'orthanc-page', count: 1 })) {
        for (const { bytes } of instances) {
          await orthanc.upload(bytes);
        }
      }
      await eventually(
        async () => {
          const series = (await (await fetch(`${orthanc.url}/series?expand`)).json()) as {
            MainDicomTags: { Modality: string };
            ParentStudy: string;
          }[];
          const modalities = series.map(({ MainDicomTags }) => MainDicomTags.Modality);
          expect(modalities).toEqual(expect.arrayContaining(['SR', 'OT']));
          expect(new Set(series.map(({ ParentStudy }) => ParentStudy)).size).toBe(1);
        },
        { timeoutMs: 120_000, intervalMs: 250 },
      );
      const jobs = (await (await fetch(`${orthanc.url}/jobs?expand`)).json()) as {
        State: string;
      }[];
      expect(jobs.filter(({ State }) => State === 'Failure')).toEqual([]);
    } finally {
      await serve.stop();
      await orthanc.stop();
    }
  });
});
