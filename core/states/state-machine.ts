/** Who moves things on. `operator` is a person, through the API or the command line. */
export const ACTORS = [
  'ingest',
  'relay',
  'inference worker',
  'assemble worker',
  'delivery worker',
  'queue',
  'janitor',
  'retention',
  'operator',
] as const;
export type StateActor = (typeof ACTORS)[number];

export interface Transition<S extends string> {
  /** `nothing`: the thing comes into being. */
  readonly from: S | 'nothing';
  readonly to: S;
  readonly by: StateActor;
  readonly when: string;
}

/** What states a thing can be in, what each means, and who may move it on. Everything else is forbidden. */
export interface StateMachine<S extends string> {
  readonly about: string;
  readonly states: Readonly<Record<S, string>>;
  readonly transitions: readonly Transition<S>[];
}

/** The states from which a thing may come to this one, for the condition of an update. */
export function statesBefore<S extends string>(machine: StateMachine<S>, to: S): readonly S[] {
  const before = machine.transitions.flatMap((move) =>
    move.to === to && move.from !== 'nothing' ? [move.from] : [],
  );
  return [...new Set(before)];
}

/** Whether somebody may move a thing so. Staying where one is takes no permission. */
export function mayMove<S extends string>(
  machine: StateMachine<S>,
  from: S | 'nothing',
  to: S,
): boolean {
  return from === to || machine.transitions.some((move) => move.from === from && move.to === to);
}
