import type { assetTypeRules } from '@stowage/contract'
import type { z } from 'zod'

export type AssetTypeRules = z.output<typeof assetTypeRules>

const images = ['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/avif']
const texts = ['text/plain', 'text/csv', 'text/tab-separated-values', 'text/markdown', 'application/json']
const office = [
  'application/pdf',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  'application/msword',
  'application/vnd.ms-excel',
  'application/vnd.ms-powerpoint',
  'application/vnd.oasis.opendocument.text',
  'application/vnd.oasis.opendocument.spreadsheet',
  'application/vnd.oasis.opendocument.presentation',
  'application/rtf',
]
const documents = [
  ...images,
  ...texts,
  ...office,
  'image/tiff',
  'image/heic',
  'image/heif',
  'text/html',
  'application/xml',
  'text/xml',
  'message/rfc822',
  'application/vnd.ms-outlook',
  'application/epub+zip',
]

function rules(mediaTypes: string[], more: Partial<AssetTypeRules> = {}): AssetTypeRules {
  return {
    mediaTypes,
    maxSizeBytes: null,
    defaultVisibility: null,
    membersMayPublish: false,
    expiresInSeconds: null,
    variants: [],
    keepVersions: null,
    ...more,
  }
}

const MEBIBYTE = 1024 * 1024

/** The asset types that every organization has. Its own rows replace them by name. */
export const builtInAssetTypes: Readonly<Record<string, AssetTypeRules>> = {
  user_avatar: rules(images, { maxSizeBytes: 5 * MEBIBYTE, variants: ['thumbnail'] }),
  project_logo: rules([...images, 'image/svg+xml'], { maxSizeBytes: 5 * MEBIBYTE, variants: ['thumbnail'] }),
  document_upload: rules(documents, { variants: ['thumbnail'] }),
  llm_txt: rules(['text/plain', 'text/markdown']),
  content_brief: rules([...texts, ...office]),
  seo_report: rules([...texts, ...office, 'text/html']),
  competitor_analysis: rules([...texts, ...office, 'text/html']),
  email_attachment: rules([...documents, 'application/zip', 'text/calendar', 'audio/*', 'video/*']),
  export_file: rules([...documents, 'application/zip', 'application/gzip', 'application/x-ndjson'], {
    expiresInSeconds: 24 * 60 * 60,
  }),
  backup_file: rules(['*/*']),
  recording: rules(['audio/*', 'video/*']),
}

export const DEFAULT_ASSET_TYPE = 'document_upload'

/** The rules in force under a name: the organization's own, else the built-in ones. */
export function effectiveRules(name: string, own: AssetTypeRules | undefined): AssetTypeRules | undefined {
  return own ?? builtInAssetTypes[name]
}
