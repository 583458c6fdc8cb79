import type { Logger } from 'pino'
import type { z } from 'zod'
import type { Config } from './config.ts'
import { SettingsError } from './platform/settings.ts'
import type { Cdn } from './providers/cdn/port.ts'

/** A network's SDK is loaded only where it is used. */
const kinds: Record<string, (settings: unknown) => Promise<Cdn>> = {
  cloudfront: async (settings) => {
    const { cloudfrontSettings, createCloudfront } = await import('./providers/cdn/cloudfront.ts')
    return createCloudfront(checked(cloudfrontSettings, settings))
  },
  hmac: async (settings) => {
    const { createHmacToken, hmacSettings } = await import('./providers/cdn/hmac-token.ts')
    return createHmacToken(checked(hmacSettings, settings))
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
    const cdn = await open(settings)
    const { purge, tags } = cdn.capabilities
    if (!purge && !tags) log.warn('the CDN cannot be purged: what it has kept stays readable until it expires there')
    return cdn
  } catch (error) {
    throw new SettingsError([`STOWAGE_CDN: ${(error as Error).message.replaceAll('\n', ' ')}`])
  }
}

function checked<Schema extends z.ZodType>(schema: Schema, settings: unknown): z.output<Schema> {
  const read = schema.safeParse(settings)
  if (read.success) return read.data
  throw new Error(read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '))
}
