import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import { spawnServer } from './child-server.js';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import type { Peer } from './peers.js';

const DICOMWEB_PLUGIN = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so';
const uploadSchema = z.object({ ID: z.string() });
const jobSchema = z.looseObject({ State: z.string(), Content: z.unknown().optional() });
const commitmentJobSchema = z.looseObject({ StorageCommitmentTransactionUID: z.string() });

/**
 * A real Orthanc with the DICOMweb plug-in, in a folder of its own.
 *
 * @param dicomWebServers name to URL of the servers that its DICOMweb client knows
 */
export async function startOrthanc(
  peer: Peer,
  folder: string,
  dicomWebServers: Readonly<Record<string, string>>,
  dimse: {
    readonly dicomPort?: number;
    /** Name to AE title, host and port. */
    readonly modalities?: Readonly<Record<string, readonly [string, string, number]>>;
    /** Files that say what follows when something arrives. */
    readonly luaScripts?: readonly string[];
  } = {},
) {
  const [httpPort, dicomPort] = [await freePort(), dimse.dicomPort ?? (await freePort())];
  const storage = join(folder, 'storage');
  mkdirSync(storage);
  const settings = {
    Name: 'peer',
    StorageDirectory: storage,
    IndexDirectory: storage,
    Plugins: [DICOMWEB_PLUGIN],
    HttpPort: httpPort,
    RemoteAccessAllowed: false,
    AuthenticationEnabled: false,
    HttpDescribeErrors: true,
    DicomAet: 'ORTHANC',
    DicomPort: dicomPort,
    DicomModalities: dimse.modalities ?? {},
    LuaScripts: dimse.luaScripts ?? [],
    DicomCheckModalityHost: false,
    DicomAlwaysAllowEcho: true,
    DicomWeb: {
      Enable: true,
      Root: '/dicom-web/',
      Servers: Object.fromEntries(
        Object.entries(dicomWebServers).map(([name, Url]) => [name, { Url }]),
      ),
    },
  };
  const file = join(folder, 'orthanc.json');
  writeFileSync(file, JSON.stringify(settings));
  const server = spawnServer(peer.program('Orthanc'), [file]);
  const url = `http://127.0.0.1:${httpPort}`;
  await eventually(
    async () => {
      if (!server.running) {
        throw new Error(`Orthanc has ended: ${server.output()}`);
      }
      const response = await fetch(`${url}/system`);
      if (!response.ok) {
        throw new Error(`Orthanc answers ${response.status}`);
      }
    },
    { timeoutMs: 20_000 },
  );

  async function jobEnd(response: Response) {
    const { ID } = uploadSchema.parse(await response.json());
    for (;;) {
      const job = jobSchema.parse(await (await fetch(`${url}/jobs/${ID}`)).json());
      if (job.State === 'Success' || job.State === 'Failure') {
        return { state: job.State, job };
      }
      await sleep(50);
    }
  }

  return {
    url,
    dicomPort,
    /** Returns Orthanc's id of the instance. */
    async upload(bytes: Uint8Array): Promise<string> {
      const response = await fetch(`${url}/instances`, {
        method: 'POST',
        body: Buffer.from(bytes),
      });
      return uploadSchema.parse(await response.json()).ID;
    },
    /** Sends resources by the DICOMweb client and waits for the job's end. */
    async stow(serverName: string, resources: readonly string[]) {
      const response = await fetch(`${url}/dicom-web/servers/${serverName}/stow`, {
        method: 'POST',
        body: JSON.stringify({ Resources: resources, Asynchronous: true }),
      });
      return jobEnd(response);
    },
    /** What another DICOMweb server finds, asked by the DICOMweb client. */
    async qido(
      serverName: string,
      path: string,
      keys: Readonly<Record<string, string>>,
    ): Promise<unknown> {
      const response = await fetch(`${url}/dicom-web/servers/${serverName}/get`, {
        method: 'POST',
        body: JSON.stringify({
          Uri: path,
          Arguments: keys,
          HttpHeaders: { Accept: 'application/dicom+json' },
        }),
      });
      return response.json();
    },
    /** Pulls a study from another DICOMweb server. */
    async retrieve(serverName: string, Study: string): Promise<void> {
      const response = await fetch(`${url}/dicom-web/servers/${serverName}/retrieve`, {
        method: 'POST',
        body: JSON.stringify({ Resources: [{ Study }], Synchronous: true }),
      });
      if (!response.ok) {
        throw new Error(`Orthanc could not retrieve: ${await response.text()}`);
      }
    },
    /** Sends resources by C-STORE, asks for storage commitment, and waits for the sending's end. */
    async cStore(modality: string, resources: readonly string[]) {
      const response = await fetch(`${url}/modalities/${modality}/store`, {
        method: 'POST',
        body: JSON.stringify({
          Resources: resources,
          Asynchronous: true,
          StorageCommitment: true,
        }),
      });
      return jobEnd(response);
    },
    /** The report of storage commitment that a job of `cStore` has asked for, when it has come. */
    async commitment(job: z.infer<typeof jobSchema>): Promise<Record<string, unknown>> {
      const { StorageCommitmentTransactionUID: uid } = commitmentJobSchema.parse(job.Content);
      return eventually(
        async () => {
          const response = await fetch(`${url}/storage-commitment/${uid}`);
          const report = z.record(z.string(), z.unknown()).parse(await response.json());
          if (report['Status'] === 'Pending') {
            throw new Error('no report has come');
          }
          return report;
        },
        { timeoutMs: 60_000 },
      );
    },
    stop: () => server.end('SIGTERM'),
  };
}
