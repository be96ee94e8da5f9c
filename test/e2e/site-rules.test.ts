import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { newChest } from '../support/chest-sender.js';
import { eventually } from '../support/eventually.js';
import { runPreread, startServe } from '../support/preread-process.js';
import { stow } from '../support/stow.js';
import { fetchStudy } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

const rules = (action: string) => `rules:
  - name: emergency-room
    when: { attribute: StationName, matches: 'ER*' }
    action: ${action}
    priority: urgent
    because: From the emergency room.
`;

it('a rule of the site makes a study urgent from its reception to its result', async () => {
  const folder = temporaryFolder();
  const PREREAD_RULES = join(folder, 'rules.yaml');
  writeFileSync(PREREAD_RULES, rules('priority'));
  const serve = await startServe({
    PREREAD_DATA_DIR: join(folder, 'data'),
    PREREAD_RULES,
    PREREAD_MIN_FREE_BYTES: '0',
    PREREAD_INFERENCE_PROCESSES: '1',
  });
  try {
    const ward = newChest({}, { '00081010': ['SH', 'WARD'] });
    const emergency = newChest({}, { '00081010': ['SH', 'ER1'] });
    expect((await stow(serve.url, [ward.bytes, emergency.bytes])).status).toBe(200);
    for (const [chest, priority] of [
      [ward, 'routine'],
      [emergency, 'urgent'],
    ] as const) {
      await eventually(async () => {
        const found = await fetchStudy(serve.url, chest.StudyInstanceUID);
        expect(found?.result?.triage).toMatchObject({ requestedPriority: priority, priority });
      });
    }
  } finally {
    await serve.stop();
  }

  writeFileSync(PREREAD_RULES, rules('warn'));
  const refused = await runPreread(['serve'], { PREREAD_DATA_DIR: folder, PREREAD_RULES });
  expect(refused.exitCode).toBe(2);
  expect(refused.output).toMatch(/line 5: rules\[0\]\.priority: belongs to the action priority/);
});

it('a rule of the site names where a study comes from, and a destination gets only what comes from there', async () => {
  const folder = temporaryFolder();
  const PREREAD_RULES = join(folder, 'rules.yaml');
  writeFileSync(
    PREREAD_RULES,
    `rules:
  - name: district
    when: { attribute: InstitutionName, matches: '*HUYỆN*' }
    action: site
    site: district
    because: Sent by the district hospital.
`,
  );
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  const PREREAD_DESTINATIONS = join(folder, 'destinations.yaml');
  writeFileSync(
    PREREAD_DESTINATIONS,
    `destinations:
  - name: district-ris
    kind: webhook
    url: ${receiver.url}
    secrets: [env:SECRET]
    body: full
    results: { sites: [district] }
`,
  );
  const serve = await startServe({
    PREREAD_DATA_DIR: join(folder, 'data'),
    PREREAD_RULES,
    PREREAD_DESTINATIONS,
    SECRET: receiver.secret,
    PREREAD_MIN_FREE_BYTES: '0',
    PREREAD_INFERENCE_PROCESSES: '1',
  });
  onTestFinished(async () => {
    await serve.stop();
  });
  const utf8Bytes = (text: string) =>
    Buffer.from(Buffer.byteLength(text) % 2 === 0 ? text : `${text} `);
  const utf8 = { '00080005': ['CS', 'ISO_IR 192'] } as const;
  const elsewhere = newChest(
    {},
    { ...utf8, '00080080': ['LO', utf8Bytes('Bệnh viện Trung ương')] },
  );
  const district = newChest(
    {},
    { ...utf8, '00080080': ['LO', utf8Bytes('Bệnh viện huyện Sóc Sơn')] },
  );
  expect((await stow(serve.url, [elsewhere.bytes, district.bytes])).status).toBe(200);
  await eventually(async () => {
    const found = await fetchStudy(serve.url, elsewhere.StudyInstanceUID);
    expect(found?.result?.instances[0]?.outcome).not.toHaveProperty('site');
  });
  await eventually(async () => {
    const found = await fetchStudy(serve.url, district.StudyInstanceUID);
    expect(found?.result?.instances[0]?.outcome.site).toBe('district');
  });
  const response = await fetch(`${serve.url}/api/v1/deliveries`);
  const { deliveries } = (await response.json()) as { deliveries: unknown[] };
  expect(deliveries).toMatchObject([{ StudyInstanceUID: district.StudyInstanceUID }]);
});
