import { expect, it } from 'vitest';

import { chestDicomFiles, describeWithData, withoutSharedUids } from '../support/chest-data.js';
import { startOrthanc } from '../support/orthanc-server.js';
import { describeWithPeer } from '../support/peers.js';
import { startServe } from '../support/preread-process.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

describeWithPeer('orthanc', 'Orthanc as the sender', (peer) => {
  describeWithData('of real chest radiographs', () => {
    it('stores its studies here by its DICOMweb client, and the results come back', async () => {
      const receiver = await startWebhookReceiver();
      const serve = await startServe({
        PREREAD_DATA_DIR: temporaryFolder(),
        PREREAD_WEBHOOK_URL: receiver.url,
        PREREAD_WEBHOOK_SECRET: receiver.secret,
        PREREAD_WEBHOOK_BODY: 'full',
        PREREAD_MIN_FREE_BYTES: '0',
      });
      const orthanc = await startOrthanc(peer, temporaryFolder(), {
        preread: `${serve.url}/dicom-web/`,
      });
      try {
        const [files = []] = withoutSharedUids(chestDicomFiles());
        const ids = [];
        for (const { bytes } of files) {
          ids.push(await orthanc.upload(bytes));
        }
        const job = await orthanc.stow('preread', ids);
        expect(job.state, JSON.stringify(job)).toBe('Success');
        const delivered = (): Set<string> =>
          new Set(
            receiver.received.flatMap(({ message }) =>
              message.data.instances.map(({ SOPInstanceUID }) => SOPInstanceUID),
            ),
          );
        await receiver.until(() => delivered().size === ids.length, 'every instance');
      } finally {
        await orthanc.stop();
        await serve.stop();
        await receiver.close();
      }
    });
  });
});
