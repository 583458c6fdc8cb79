import { type ProblemBody, type ProblemCode, type ProblemMembers, problems } from '@stowage/contract'

/** The only error a feature throws: an answer that refuses. What it changed is rolled back. */
export class Problem<Code extends ProblemCode = ProblemCode> extends Error {
  readonly code: Code
  readonly members: ProblemMembers<Code>

  constructor(code: Code, ...rest: MembersOf<Code>) {
    super(problems[code].title)
    this.name = 'Problem'
    this.code = code
    this.members = (rest[0] ?? {}) as ProblemMembers<Code>
  }
}

type MembersOf<Code extends ProblemCode> =
  Record<never, never> extends ProblemMembers<Code> ? [] : [members: ProblemMembers<Code>]

/** A refusal returned as a value: its transaction is committed, so that what it counted stays counted (R10). */
export class Refusal {
  readonly problem: Problem

  constructor(problem: Problem) {
    this.problem = problem
  }
}

/** A problem as any code, for a place that passes on what another has chosen. */
export function problemOf(code: ProblemCode, members: Record<string, unknown> = {}): Problem {
  return new (Problem as new (code: ProblemCode, members: Record<string, unknown>) => Problem)(code, members)
}

/** The answer's body (RFC 9457 section 3.1). */
export function problemAnswer(problem: Problem, instance: string): { status: number; body: ProblemBody } {
  const row = problems[problem.code]
  return {
    status: row.status,
    body: {
      type: `https://stowage.dev/problems/${problem.code}`,
      title: row.title,
      status: row.status,
      detail: row.advice,
      instance,
      code: problem.code,
      ...problem.members,
    },
  }
}
