import { type JobName, type Jobs, jobs } from './jobs.ts'

/**
 * Runs every job until none finds anything that it can do now, as the schedule would in time. What is not yet due, such
 * as an upload whose lease is not over, stays.
 *
 * @returns how much each job has done
 */
export async function runJobs(worker: Jobs): Promise<Record<JobName, number>> {
  const names = Object.keys(jobs) as JobName[]
  const done = Object.fromEntries(names.map((name) => [name, 0])) as Record<JobName, number>
  let found: number
  do {
    found = 0
    for (const name of names) {
      const count = await jobs[name](worker)
      done[name] += count
      found += count
    }
  } while (found > 0)
  return done
}
