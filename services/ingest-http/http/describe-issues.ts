import { z } from 'zod';

/**
 * What is wrong with a request's parameters or body, without repeating what the client sent: names that we do
 * not know may be anything, a patient's number included.
 */
export function describeIssues(error: z.ZodError): string {
  const issues = error.issues.map((issue) =>
    issue.code === 'unrecognized_keys'
      ? { ...issue, message: 'There is a parameter that this resource does not have' }
      : issue,
  );
  return z.prettifyError({ issues });
}
