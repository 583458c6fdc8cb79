// Made by scripts/schema.ts from the migrations; do not edit.
import type { Generated } from 'kysely'

export interface ApiKeyTable {
  tenant_id: string
  id: string
  name: string
  role: string
  member_id: string | null
  ceiling: Generated<number>
  scopes: string[] | null
  prefix: string
  requests_per_minute: number | null
  created_at: Generated<Date>
  expires_at: Date | null
  revoked_at: Date | null
}

export interface AssetTable {
  tenant_id: string
  id: string
  name: string
  asset_type: string
  owner_id: string | null
  owner_kind: string | null
  visibility: number
  state: Generated<string>
  state_before: string | null
  trashed_at: Date | null
  purge_after: Date | null
  expires_at: Date | null
  expiry_action: Generated<string>
  url_epoch: Generated<number>
  current_n: number
  last_n: number
  media_type: string
  size_bytes: number
  sha256: Buffer
  scan: string
  scan_reason: string | null
  folder: string | null
  project_id: string | null
  scan_result_id: string | null
  call_id: string | null
  session_id: string | null
  category: string | null
  classification: string | null
  metadata: Generated<unknown>
  tags: Generated<string[]>
  created_at: Date
  updated_at: Date
}

export interface AssetAccessTable {
  tenant_id: string
  asset_id: string
  downloads: number
  last_at: Date
}

export interface AssetTagTable {
  tenant_id: string
  asset_id: string
  tag: string
}

export interface AssetTypeTable {
  tenant_id: string
  name: string
  rules: unknown
  updated_at: Generated<Date>
}

export interface AuditBatchTable {
  tenant_id: string
  n: number
  kind: Generated<string>
  previous: Buffer
  root: Buffer
  count: number
  head: Buffer
  key_id: string
  signature: Buffer
  sealed_at: Date
}

export interface AuditEventTable {
  tenant_id: string
  id: string
  at: Date
  action: string
  outcome: string
  principal_kind: string
  principal_id: string | null
  subject: string | null
  request_id: string | null
  body: string
  batch: number | null
}

export interface AuditPersonTable {
  tenant_id: string
  id: string
  principal_id: string | null
  salt: Buffer
  personal: unknown
  created_at: Generated<Date>
}

export interface CdnPurgeTable {
  tenant_id: string
  id: Generated<string>
  asset_id: string
  last_n: number
  url_epoch: number
  attempts: Generated<number>
  due_at: Generated<Date>
}

export interface ChunkTable {
  tenant_id: string
  key: string
  put_id: Generated<string>
  n: Generated<number>
  bytes: Buffer
  chunks_of: string | null
  pack_id: string | null
  pack_start: number | null
  size_bytes: number | null
  created_at: Generated<Date>
}

export interface CopyTable {
  tenant_id: string
  id: string
  sha256: Buffer | null
  scope: string
  placement_id: string
  store_id: string
  key: string
  state: string
  asset_id: string | null
  n: number | null
  envelope: Buffer | null
  encrypted: Generated<boolean>
  stored_bytes: number | null
  storage_class: Generated<string>
  isolation: string | null
  epoch: Generated<number>
  writable_until: Date | null
  due_at: Date | null
  quarantined: Generated<boolean>
  wanted_in: string | null
  away: Generated<boolean>
  wanted_at: Date | null
  created_at: Generated<Date>
}

export interface CredentialTable {
  hash: Buffer
  tenant_id: string
  key_id: string
  expires_at: Date | null
}

export interface FalsePositiveTable {
  tenant_id: string
  sha256: Buffer
  finding: string
  reason: string
  created_by: string | null
  created_by_kind: string | null
  created_at: Generated<Date>
}

export interface GuardTable {
  tenant_id: string
  name: string
}

export interface IdempotencyTable {
  tenant_id: string
  principal_id: string
  key: string
  request_hash: Buffer
  answer: unknown
  status: number | null
  created_at: Generated<Date>
  expires_at: Date
}

export interface IncidentTable {
  tenant_id: string
  id: string
  kind: string
  store_id: string
  key: string
  copy_id: string | null
  at: Date
  seen_at: Generated<Date>
  settled_at: Date | null
  outcome: string | null
  other_copies: number | null
  detail: string | null
  attempts: Generated<number>
  due_at: Date | null
}

export interface MemberTable {
  tenant_id: string
  id: string
  external_id: string | null
  email: string | null
  name: string | null
  role: string
  created_at: Generated<Date>
  removed_at: Date | null
}

export interface MigrationTable {
  name: string
  sha256: string
  applied_at: Generated<Date>
}

export interface NodeTable {
  id: string
  data_id: string
  seen_at: Generated<Date>
}

export interface ObjectTable {
  tenant_id: string
  sha256: Buffer
  size_bytes: number
  scan: string
  scan_reason: string | null
  finding: string | null
  signatures: string | null
  derived: Generated<boolean>
  created_at: Generated<Date>
}

export interface OrganizationTable {
  tenant_id: string
  slug: string
  name: string
  default_visibility: Generated<number>
  readable_unscanned: Generated<string[]>
  image_sizes: Generated<unknown>
  max_size_bytes: number | null
  quota_bytes: number | null
  quota_files: number | null
  keep_versions: number | null
  store_id: string | null
  second_store_id: string | null
  created_at: Generated<Date>
  updated_at: Generated<Date>
}

export interface PackTable {
  id: string
  emptied_at: Date | null
  created_at: Generated<Date>
}

export interface PlacementTable {
  tenant_id: string
  id: string
  store_id: string
  layout: string
  scope_kind: string
  rank: number
}

export interface PlatformSecretTable {
  kind: string
  id: string
  wrapped: Buffer
  master_id: string
  public_part: Buffer | null
  created_at: Generated<Date>
  retired_at: Date | null
}

export interface QuarantineEntryTable {
  tenant_id: string
  id: string
  sha256: Buffer
  finding: string
  signatures: string
  size_bytes: number
  name: string
  asset_id: string
  state: Generated<string>
  reason: string | null
  ended_by: string | null
  ended_by_kind: string | null
  ended_at: Date | null
  found_at: Generated<Date>
}

export interface ScopeKeyTable {
  tenant_id: string
  scope: string
  id: string
  wrapped: Buffer
  master_id: string
  created_at: Generated<Date>
}

export interface SignedUrlTable {
  tenant_id: string
  id: string
  asset_id: string
  uses: Generated<number>
  max_uses: number | null
  expires_at: Date
}

export interface StagedPartTable {
  tenant_id: string
  upload_id: string
  number: number
  copy_id: string
  offset_bytes: number
  size_bytes: number
  etag: string
}

export interface StagedUploadTable {
  tenant_id: string
  id: string
  strategy: string
  state: Generated<string>
  principal_id: string
  key_id: string | null
  platform: boolean
  rank: number
  scopes: string[] | null
  fields: unknown
  asset_id: string | null
  size_bytes: number | null
  media_type: string | null
  part_bytes: number | null
  store_id: string
  scope: string
  prefix: string
  copy_id: string | null
  reference: string | null
  made_asset_id: string | null
  problem: unknown
  writer: string | null
  writer_until: Date | null
  writer_asked: Generated<boolean>
  tus_metadata: string | null
  attempts: Generated<number>
  due_at: Date
  expires_at: Date
  created_at: Generated<Date>
}

export interface StepTable {
  tenant_id: string
  asset_id: string
  n: number
  name: string
  state: string
  priority: Generated<number>
  attempts: Generated<number>
  failures: Generated<number>
  due_at: Generated<Date>
  reason: string | null
  duration_ms: number | null
  updated_at: Generated<Date>
}

export interface StoreEventTable {
  tenant_id: string
  store_id: string
  key: string
  kind: string
  at: Date
  sequencer: string | null
  suspected: Generated<boolean>
  seen_at: Generated<Date>
  state: string | null
  claim: Generated<number>
  failures: Generated<number>
  due_at: Date | null
  asset_id: string | null
  read_bytes: number | null
  read_modified_at: Date | null
}

export interface TeamTable {
  tenant_id: string
  id: string
  name: string
  created_at: Generated<Date>
}

export interface TeamMemberTable {
  tenant_id: string
  team_id: string
  member_id: string
}

export interface UploadTable {
  tenant_id: string
  id: string
  copy_id: string | null
  asset_id: string | null
  principal_id: string
  reserved_bytes: number
  reserved_files: number
  created_at: Generated<Date>
  lease_until: Date
}

export interface UsageDeltaTable {
  tenant_id: string
  id: string
  bytes: number
  files: number
  stored_bytes: Generated<number>
  at: Generated<Date>
}

export interface UsageTotalTable {
  tenant_id: string
  bytes: Generated<number>
  files: Generated<number>
  stored_bytes: Generated<number>
}

export interface VariantTable {
  tenant_id: string
  asset_id: string
  n: number
  name: string
  suffix: Generated<string>
  state: string
  attached: Generated<boolean>
  reason: string | null
  recipe: string | null
  sha256: Buffer | null
  scope: string | null
  size_bytes: number | null
  media_type: string | null
  width: number | null
  height: number | null
  created_at: Generated<Date>
}

export interface VersionTable {
  tenant_id: string
  asset_id: string
  n: number
  sha256: Buffer
  scope: string
  size_bytes: number
  media_type: string
  charset: string | null
  name: string
  created_by: string | null
  created_by_kind: string | null
  made_from: number | null
  created_at: Date
}

export interface VersionFactsTable {
  tenant_id: string
  asset_id: string
  n: number
  extractor: string
  extractor_version: number
  facts: unknown
  attachments: Generated<unknown>
  text_chars: number
  category: unknown
  cut_short: string | null
  created_at: Generated<Date>
}

export interface VersionFindingTable {
  tenant_id: string
  asset_id: string
  n: number
  number: number
  kind: string
  detail: string | null
  part: number
  page: number | null
  at: number
  length: number
  confidence: number
  masked: string
}

export interface VersionRowsTable {
  tenant_id: string
  asset_id: string
  n: number
  sheet: number
  first: number
  rows: unknown
}

export interface VersionSheetTable {
  tenant_id: string
  asset_id: string
  n: number
  sheet: number
  name: string
  hidden: boolean
  row_count: number
  columns: unknown
}

export interface VersionTextTable {
  tenant_id: string
  asset_id: string
  n: number
  part: number
  page: number | null
  label: string | null
  from_ms: number | null
  to_ms: number | null
  text: string
}

export interface Database {
  api_key: ApiKeyTable
  asset: AssetTable
  asset_access: AssetAccessTable
  asset_tag: AssetTagTable
  asset_type: AssetTypeTable
  audit_batch: AuditBatchTable
  audit_event: AuditEventTable
  audit_person: AuditPersonTable
  cdn_purge: CdnPurgeTable
  chunk: ChunkTable
  copy: CopyTable
  credential: CredentialTable
  false_positive: FalsePositiveTable
  guard: GuardTable
  idempotency: IdempotencyTable
  incident: IncidentTable
  member: MemberTable
  migration: MigrationTable
  node: NodeTable
  object: ObjectTable
  organization: OrganizationTable
  pack: PackTable
  placement: PlacementTable
  platform_secret: PlatformSecretTable
  quarantine_entry: QuarantineEntryTable
  scope_key: ScopeKeyTable
  signed_url: SignedUrlTable
  staged_part: StagedPartTable
  staged_upload: StagedUploadTable
  step: StepTable
  store_event: StoreEventTable
  team: TeamTable
  team_member: TeamMemberTable
  upload: UploadTable
  usage_delta: UsageDeltaTable
  usage_total: UsageTotalTable
  variant: VariantTable
  version: VersionTable
  version_facts: VersionFactsTable
  version_finding: VersionFindingTable
  version_rows: VersionRowsTable
  version_sheet: VersionSheetTable
  version_text: VersionTextTable
}
