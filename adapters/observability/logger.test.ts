import { PassThrough } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { PipelineError } from '../../core/errors.js';
import type { LoggingConfig } from './config.js';
import { createLogger } from './logger.js';

function capture(config: Partial<LoggingConfig> = {}) {
  const stream = new PassThrough();
  const logger = createLogger(
    { PREREAD_LOG_LEVEL: 'debug', PREREAD_LOG_FORMAT: 'json', ...config },
    stream,
  );
  return { logger, text: () => String(stream.read() ?? '') };
}

describe('createLogger', () => {
  it('writes one JSON object a line with the facts and the sentence', () => {
    const { logger, text } = capture();
    logger.info({ instanceId: 'a', sizeBytes: 12 }, 'instance stored');
    expect(JSON.parse(text())).toMatchObject({
      level: 30,
      instanceId: 'a',
      sizeBytes: 12,
      msg: 'instance stored',
    });
  });

  it('writes nothing below its level', () => {
    const { logger, text } = capture({ PREREAD_LOG_LEVEL: 'warn' });
    logger.info({}, 'quiet');
    expect(text()).toBe('');
  });

  it('writes no identifier, name, URL, header or body, at any depth, whatever it is called with', () => {
    const { logger, text } = capture();
    logger.warn(
      {
        StudyInstanceUID: '1.2.3',
        PatientName: 'Nguyen^An',
        nested: { identity: { SOPInstanceUID: '1.2.3.4' }, list: [{ AccessionNumber: 'A1' }] },
        url: '/dicom-web/studies/1.2.3',
        headers: { authorization: 'Bearer secret-1' },
        body: Buffer.from('Nguyen^An'),
        pixels: new Uint8Array(8),
        text: 'study 1.2.840.113619.2.55.3 was here',
      },
      'careless',
    );
    const line = text();
    expect(line).not.toMatch(/1\.2\.3|Nguyen|A1|secret-1|113619|78,103/);
    expect(JSON.parse(line)).toMatchObject({ text: 'study [redacted] was here' });
  });

  it('writes of an error what it is and where, not the data that drivers attach to it', () => {
    const { logger, text } = capture();
    const cause = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (sop_instance_uid)=(1.2.3) already exists.',
    });
    const err = new PipelineError('database-unavailable', undefined, {
      cause,
      context: { attempts: 3 },
    });
    logger.error({ err }, 'failed');
    const line = JSON.parse(text()) as { err: Record<string, unknown> };
    expect(line.err).toMatchObject({
      type: 'PipelineError',
      code: 'database-unavailable',
      context: { attempts: 3 },
      cause: { message: 'duplicate key', code: '23505' },
    });
    expect(JSON.stringify(line)).not.toContain('1.2.3');
    expect(line.err['stack']).toEqual(
      expect.arrayContaining([expect.stringContaining('.test.ts')]),
    );
  });

  it('does not follow a circular object for ever', () => {
    const { logger, text } = capture();
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    logger.info({ circular }, 'round');
    expect(text()).toContain('[deep]');
  });

  it('keeps IP addresses and version numbers', () => {
    const { logger, text } = capture();
    logger.info({ host: '127.0.0.1', version: '1.30.0' }, 'up');
    expect(JSON.parse(text())).toMatchObject({ host: '127.0.0.1', version: '1.30.0' });
  });

  it('writes lines for people when asked to', () => {
    const { logger, text } = capture({ PREREAD_LOG_FORMAT: 'pretty' });
    logger.warn({ code: 'storage-full', err: new Error('no room') }, 'instance not stored');
    expect(text()).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}instance not stored code=storage-full\n {6}Error: no room\n/,
    );
  });
});
