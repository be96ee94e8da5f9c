import { Agent, request } from 'node:http';

/** A sender of STOW-RS that costs next to nothing: what is measured runs on the same cores. */
export interface StowClient {
  /** Sends one Part 10 file; resolves when it is stored. */
  store(bytes: Buffer): Promise<void>;
  close(): void;
}

/** @param url where `preread serve` answers. Connections are kept, as those of a PACS are. */
export function createStowClient(url: string): StowClient {
  const agent = new Agent({ keepAlive: true });
  const target = new URL('/dicom-web/studies', url);
  return {
    store: (bytes) =>
      new Promise((resolve, reject) => {
        const sent = request(target, {
          agent,
          method: 'POST',
          headers: {
            'content-type': 'application/dicom',
            'content-length': bytes.length,
            accept: 'application/dicom+json',
          },
        });
        sent.on('error', reject);
        sent.on('response', (response) => {
          response.resume();
          response.on('error', reject);
          response.on('end', () => {
            if (response.statusCode === 200) {
              resolve();
            } else {
              reject(new Error(`the pipeline answered ${response.statusCode ?? 'nothing'}`));
            }
          });
        });
        sent.end(bytes);
      }),
    close: () => {
      agent.destroy();
    },
  };
}
