import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { readMembers, SettingsError } from './platform/settings.ts'
import type { Cdn } from './providers/cdn/port.ts'

/** A network's SDK is loaded only where it is used. */
const kinds: Record<string, (settings: unknown, name: string) => Promise<Cdn>> = {
  cloudfront: async (settings, name) => {
    const { cloudfrontSettings, createCloudfront } = await import('./providers/cdn/cloudfront.ts')
    return createCloudfront(readMembers(cloudfrontSettings, settings, name))
  },
  hmac: async (settings, name) => {
    const { createHmacToken, hmacSettings } = await import('./providers/cdn/hmac-token.ts')
    return createHmacToken(readMembers(hmacSettings, settings, name))
  },
}

/**
 * Opens the CDN that the operator configured, if there is one.
 *
 * @throws SettingsError saying what is wrong with its settings
 */
export async function openCdn(config: Config, log: Logger): Promise<Cdn | undefined> {
  if (config.cdn === undefined) return undefined
  const { kind, ...settings } = config.cdn
  const open = kinds[kind]
  if (!open) throw new SettingsError([`STOWAGE_CDN: kind must be one of ${Object.keys(kinds).join(', ')}`])
  try {
    const cdn = await open(settings, 'STOWAGE_CDN')
    const { purge, tags } = cdn.capabilities
    if (!purge && !tags) log.warn('the CDN cannot be purged: what it has kept stays readable until it expires there')
    return cdn
  } catch (error) {
    if (error instanceof SettingsError) throw error
    throw new SettingsError([`STOWAGE_CDN: ${(error as Error).message.replaceAll('\n', ' ')}`])
  }
}
