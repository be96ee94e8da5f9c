import { randomUUID } from 'node:crypto';

/** Sends Part 10 files in one STOW-RS request. Status 0: the connection broke before an answer. */
export async function stow(
  baseUrl: string,
  files: readonly Uint8Array[],
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; text: string }> {
  const boundary = `test-${randomUUID()}`;
  const parts = files.flatMap((bytes) => [
    Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ]);
  try {
    const response = await fetch(`${baseUrl}/dicom-web/studies`, {
      method: 'POST',
      headers: {
        'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`,
        ...headers,
      },
      body: Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { status: 0, text: String(error) };
  }
}
