import { startQueue } from './doors/worker/queue.ts'
import { prepareSchedule, startWorker } from './doors/worker/schedule.ts'
import { takeMessage } from './features/stores/room.ts'
import type { BeginWork } from './open-doors.ts'
import { openEventsQueue } from './store-events.ts'

/** Works in the thread that calls it. */
export const workHere: BeginWork = async (app, config, foundation, log) => {
  await prepareSchedule(foundation.owner)
  const queue = await openEventsQueue(config)
  const stopJobs = await startWorker(app.worker, foundation.sweep, log)
  const stopQueue = queue && startQueue(queue, (body) => takeMessage(app.storeEvents, body), log)
  return async () => {
    await stopQueue?.()
    await stopJobs()
  }
}
