import { parentPort, workerData } from 'node:worker_threads'
import { destination, pino } from 'pino'
import { createApp } from './app.ts'
import { standOn } from './foundation.ts'
import { workHere } from './work-here.ts'
import type { FromThread, Given, ToThread } from './work-in-thread.ts'

/** The other end of `workInThread`. */
const { config, database } = workerData as Given
const tell = (message: FromThread) => parentPort?.postMessage(message)

const log = pino({ level: config.logLevel }, destination({ sync: false }))
const foundation = await standOn(config, database)
const app = await createApp(config, foundation, log, undefined, {
  store: (observation) => tell({ kind: 'store', observation }),
  storeEvent: (became) => tell({ kind: 'storeEvent', became }),
})
const stop = await workHere(app, config, foundation, log)

parentPort?.on('message', async (asked: ToThread) => {
  if (asked === 'finishUploads') return app.uploads.finishing.ring()
  await stop()
  await app.close()
  parentPort?.close()
})
tell({ kind: 'begun' })
