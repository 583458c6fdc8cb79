import type { Config } from './config.ts'
import { adviceFor } from './providers/stores/advice.ts'
import { verifyStore } from './providers/stores/examination.ts'
import { openAdministered } from './store-admins.ts'
import { configured, LOCAL_STORE } from './stores.ts'

/** What an operator should read when the service starts. */
export interface StartNotice {
  storeId: string
  /** A problem keeps the store from being used; too many rights do not. */
  level: 'problem' | 'excess'
  words: string
}

/**
 * Checks that the store for new files can be listed, written and cleared with the credentials there are, and, where
 * that can be told, that they have no more rights than needed. Never throws: a store that is down is a notice, too.
 */
export async function verifyAtStart(config: Config): Promise<StartNotice[]> {
  const storeId = config.store
  const outside = storeId === LOCAL_STORE || configured(config).some(([name]) => name === storeId)
  if (!outside) return []
  const [subject] = await openAdministered(config, storeId, { local: true })
  if (!subject) return []
  try {
    const { problems, excess } = await verifyStore(subject)
    const notices = problems.map(({ diagnosis, detail }): StartNotice => {
      const { problem, next } = adviceFor(diagnosis, storeId)
      return { storeId, level: 'problem', words: `${problem} ${next} (${detail})` }
    })
    if (!excess.known || excess.rights.length === 0) return notices
    const words = `The credentials may do more than is needed: ${excess.rights.join(', ')}. \`stowage-server iam ${storeId}\` prints what is enough.`
    return [...notices, { storeId, level: 'excess', words }]
  } finally {
    await subject.close()
  }
}
