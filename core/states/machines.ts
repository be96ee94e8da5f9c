import type { JobState } from '../jobs/job-state.js';
import type {
  DeliveryState,
  InstanceState,
  ObjectState,
  StudyState,
} from '../storage/study-store.js';
import type { StateMachine } from './state-machine.js';

/** An image, from the moment on which its sender may forget it. */
export const INSTANCE_MACHINE: StateMachine<InstanceState> = {
  about: 'An image. It exists from the moment on which its sender was told so.',
  states: {
    received: 'On the disk and in the database; its job waits in the outbox (with Redis alone).',
    queued: 'Its job is in the queue.',
    scored: 'The model has seen it; the outcome carries the scores.',
    'not-analysed': 'The outcome carries the reason.',
  },
  transitions: [
    {
      from: 'nothing',
      to: 'received',
      by: 'ingest',
      when: 'its bytes are durable and its row is committed',
    },
    { from: 'received', to: 'queued', by: 'relay', when: 'the queue has its job' },
    {
      from: 'received',
      to: 'scored',
      by: 'inference worker',
      when: 'its job was done before the relay could note that it was queued',
    },
    { from: 'received', to: 'not-analysed', by: 'inference worker', when: 'the same' },
    { from: 'queued', to: 'scored', by: 'inference worker', when: 'the model has answered' },
    {
      from: 'queued',
      to: 'not-analysed',
      by: 'inference worker',
      when: 'a gate refuses it, it cannot be decoded, or its last attempt has failed',
    },
    { from: 'scored', to: 'received', by: 'operator', when: 'its study is reprocessed' },
    { from: 'not-analysed', to: 'received', by: 'operator', when: 'its study is reprocessed' },
  ],
};

export const OBJECT_MACHINE: StateMachine<ObjectState> = {
  about: 'The bytes of an image.',
  states: {
    stored: 'In the object store.',
    purged: 'Removed by the retention rules. Outcome and results stay.',
  },
  transitions: [
    { from: 'nothing', to: 'stored', by: 'ingest', when: 'the image is received' },
    {
      from: 'stored',
      to: 'purged',
      by: 'retention',
      when: 'its study is ready, nothing of it waits for delivery, and age or disk demand it',
    },
    { from: 'purged', to: 'stored', by: 'ingest', when: 'the same image is sent again' },
  ],
};

export const STUDY_MACHINE: StateMachine<StudyState> = {
  about: 'A study, by what its latest result covers.',
  states: {
    analysing: 'Something was received, or is being done again, that no result covers yet.',
    ready: 'The latest result covers everything that was received.',
  },
  transitions: [
    { from: 'nothing', to: 'analysing', by: 'ingest', when: 'its first image is received' },
    {
      from: 'analysing',
      to: 'ready',
      by: 'assemble worker',
      when: 'every image has its outcome and the study was quiet',
    },
    {
      from: 'ready',
      to: 'analysing',
      by: 'ingest',
      when: 'a late image is received: the next result amends the last',
    },
    { from: 'ready', to: 'analysing', by: 'operator', when: 'it is reprocessed' },
  ],
};

export const DELIVERY_MACHINE: StateMachine<DeliveryState> = {
  about: 'One result version on its way to one destination.',
  states: {
    waiting: 'Destinations of a lower order come first.',
    pending: 'To be tried, now or at the time of its next attempt.',
    delivered: 'The destination has said that it has it.',
    dead: 'Given up: the destination refused it or was removed, or every attempt failed. It waits for a person.',
    superseded: 'A newer version of the result goes to the destination in its place.',
  },
  transitions: [
    { from: 'nothing', to: 'pending', by: 'assemble worker', when: 'the result is made' },
    {
      from: 'nothing',
      to: 'waiting',
      by: 'assemble worker',
      when: 'the result is made, and others come first',
    },
    {
      from: 'waiting',
      to: 'pending',
      by: 'delivery worker',
      when: 'those that came first have ended, one way or the other',
    },
    { from: 'pending', to: 'delivered', by: 'delivery worker', when: 'the destination accepts' },
    {
      from: 'superseded',
      to: 'delivered',
      by: 'delivery worker',
      when: 'it was under way when it was superseded, and has arrived all the same',
    },
    {
      from: 'pending',
      to: 'dead',
      by: 'delivery worker',
      when: 'a permanent failure, or no attempt is left',
    },
    { from: 'waiting', to: 'superseded', by: 'assemble worker', when: 'a newer version is made' },
    { from: 'pending', to: 'superseded', by: 'assemble worker', when: 'a newer version is made' },
    {
      from: 'dead',
      to: 'superseded',
      by: 'assemble worker',
      when: 'a newer version is made that goes to the same destination',
    },
    {
      from: 'dead',
      to: 'pending',
      by: 'operator',
      when: 'it is replayed, under the same idempotency key',
    },
    {
      from: 'delivered',
      to: 'pending',
      by: 'operator',
      when: 'it is replayed: the destination has lost it',
    },
    {
      from: 'delivered',
      to: 'pending',
      by: 'ingest',
      when: 'an archive reports after the wait that it does not commit to the objects',
    },
  ],
};

export const JOB_MACHINE: StateMachine<JobState> = {
  about:
    'A job. What it is about stands in the database, so that a lost job loses nothing. Where the queue is in ' +
    'that database too, an image goes where its `outbox` would send it, and never into one.',
  states: {
    outbox: 'In the database, committed together with what it is about.',
    waiting: 'In the queue, in the order of its priority.',
    delayed: 'In the queue, not before its time.',
    active: 'A worker has it, and says every few seconds that it still has.',
    done: 'Finished.',
    failed: 'Every attempt of the queue has failed for reasons that pass. The janitor asks again.',
    parked: 'It fails for a reason that does not pass. It waits for a person, with its error.',
  },
  transitions: [
    { from: 'nothing', to: 'outbox', by: 'ingest', when: 'an image is received' },
    { from: 'nothing', to: 'outbox', by: 'inference worker', when: 'an outcome is recorded' },
    { from: 'nothing', to: 'outbox', by: 'assemble worker', when: 'a result is made' },
    { from: 'nothing', to: 'outbox', by: 'delivery worker', when: 'another attempt is due' },
    { from: 'nothing', to: 'outbox', by: 'operator', when: 'a study is reprocessed' },
    { from: 'outbox', to: 'waiting', by: 'relay', when: 'the queue has it' },
    { from: 'outbox', to: 'delayed', by: 'relay', when: 'the queue has it and it is not due' },
    {
      from: 'outbox',
      to: 'done',
      by: 'relay',
      when: 'a worker of the process that has committed it had room (assembly, delivery)',
    },
    { from: 'delayed', to: 'waiting', by: 'queue', when: 'it is due' },
    { from: 'waiting', to: 'active', by: 'queue', when: 'a worker asks for work' },
    { from: 'active', to: 'done', by: 'queue', when: 'the worker has finished' },
    {
      from: 'active',
      to: 'delayed',
      by: 'queue',
      when: 'the attempt failed for a reason that passes (transient, ambiguous)',
    },
    { from: 'active', to: 'waiting', by: 'queue', when: 'the worker died or fell silent' },
    { from: 'active', to: 'failed', by: 'queue', when: 'that was the last attempt' },
    { from: 'active', to: 'parked', by: 'queue', when: 'the failure is permanent' },
    { from: 'failed', to: 'outbox', by: 'janitor', when: 'its work is still not done' },
    {
      from: 'waiting',
      to: 'outbox',
      by: 'janitor',
      when: 'the queue has lost its memory, or nothing was heard of the work for minutes',
    },
    { from: 'delayed', to: 'outbox', by: 'janitor', when: 'the same' },
    { from: 'parked', to: 'outbox', by: 'operator', when: 'it is replayed' },
  ],
};

/** All of them, for the documentation. */
export const STATE_MACHINES = {
  instance: INSTANCE_MACHINE,
  object: OBJECT_MACHINE,
  study: STUDY_MACHINE,
  delivery: DELIVERY_MACHINE,
  job: JOB_MACHINE,
} as const;
