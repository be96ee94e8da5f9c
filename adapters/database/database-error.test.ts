import pg from 'pg';
import { describe, expect, it } from 'vitest';

import { PipelineError } from '../../core/errors.js';
import { databaseError } from './database-error.js';

function serverError(sqlState: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('duplicate key 1.2.840.99', 10, 'error'), {
    code: sqlState,
    detail: 'Key ("SOPInstanceUID")=(1.2.840.99) already exists.',
    constraint: 'instances_SOPInstanceUID_key',
    table: 'instances',
  });
}

describe('databaseError', () => {
  it('tells a database that is away from a mistake of ours', () => {
    const codeOf = (error: unknown) => databaseError(error).code;
    expect(codeOf(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))).toBe(
      'database-unavailable',
    );
    expect(codeOf(new Error('Connection terminated unexpectedly'))).toBe('database-unavailable');
    // admin_shutdown, deadlock_detected, disk_full, unique_violation, undefined_table
    expect(
      ['57P01', '40P01', '53100', '23505', '42P01'].map((s) => codeOf(serverError(s))),
    ).toEqual([
      'database-unavailable',
      'database-unavailable',
      'storage-full',
      'internal',
      'internal',
    ]);
    expect(codeOf(new TypeError('x is not a function'))).toBe('internal');
  });

  it('leaves the values that a database error quotes behind', () => {
    const error = databaseError(serverError('23505'));
    expect(error.context).toEqual({
      sqlState: '23505',
      constraint: 'instances_SOPInstanceUID_key',
      table: 'instances',
    });
    const { cause } = error;
    expect(`${error.message} ${String(cause)} ${JSON.stringify(cause)}`).not.toContain('1.2.840');
  });

  it('passes on what is a PipelineError already', () => {
    const error = new PipelineError('data-folder-locked');
    expect(databaseError(error)).toBe(error);
  });
});
