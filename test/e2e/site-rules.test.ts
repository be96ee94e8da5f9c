import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { newChest } from '../support/chest-sender.js';
import { eventually } from '../support/eventually.js';
import { runPreread, startServe } from '../support/preread-process.js';
import { stow } from '../support/stow.js';
import { fetchStudy } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';

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
