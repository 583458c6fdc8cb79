-- Made by scripts/schema.ts from the migrations; do not edit.

-- Schemas

CREATE SCHEMA api;

CREATE SCHEMA stowage;

-- Types

CREATE DOMAIN stowage.asset_name AS text CHECK (((length(VALUE) >= 1) AND (length(VALUE) <= 255)));

CREATE DOMAIN stowage.asset_state AS text CHECK ((VALUE = ANY (ARRAY['active'::text, 'archived'::text, 'quarantined'::text, 'trashed'::text])));

CREATE DOMAIN stowage.audit_outcome AS text CHECK ((VALUE = ANY (ARRAY['allowed'::text, 'refused'::text, 'failed'::text])));

CREATE DOMAIN stowage.classification AS text CHECK ((VALUE = ANY (ARRAY['public'::text, 'internal'::text, 'confidential'::text, 'restricted'::text])));

CREATE DOMAIN stowage.copy_state AS text CHECK ((VALUE = ANY (ARRAY['writing'::text, 'live'::text, 'releasing'::text, 'gone'::text])));

CREATE DOMAIN stowage.expiry_action AS text CHECK ((VALUE = ANY (ARRAY['trash'::text, 'purge'::text])));

CREATE DOMAIN stowage.principal_kind AS text CHECK ((VALUE = ANY (ARRAY['user'::text, 'apiKey'::text])));

CREATE DOMAIN stowage.scan_status AS text CHECK ((VALUE = ANY (ARRAY['pending'::text, 'clean'::text, 'infected'::text, 'not_scanned'::text, 'error'::text])));

CREATE DOMAIN stowage.sha256_digest AS bytea CHECK ((length(VALUE) = 32));

CREATE DOMAIN stowage.size_bytes AS bigint CHECK ((VALUE >= 0));

CREATE DOMAIN stowage.version_number AS integer CHECK ((VALUE > 0));

CREATE DOMAIN stowage.visibility AS smallint CHECK (((VALUE >= 0) AND (VALUE <= 2)));

CREATE TYPE api.entrance AS (outcome text, tenant_id uuid, slug text, kind text, principal_id uuid, key_id uuid, role text, rank integer, scopes text[], requests_per_minute integer);

-- Tables

CREATE TABLE stowage.api_key (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  role text NOT NULL,
  member_id uuid,
  ceiling integer DEFAULT 4 NOT NULL,
  scopes text[],
  prefix text NOT NULL,
  requests_per_minute integer,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  expires_at timestamp(3) with time zone,
  revoked_at timestamp(3) with time zone
);

CREATE TABLE stowage.asset (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  name stowage.asset_name NOT NULL,
  asset_type text NOT NULL,
  owner_id uuid,
  owner_kind stowage.principal_kind,
  visibility stowage.visibility NOT NULL,
  state stowage.asset_state DEFAULT 'active'::text NOT NULL,
  state_before stowage.asset_state,
  trashed_at timestamp(3) with time zone,
  purge_after timestamp(3) with time zone,
  expires_at timestamp(3) with time zone,
  expiry_action stowage.expiry_action DEFAULT 'trash'::text NOT NULL,
  url_epoch integer DEFAULT 0 NOT NULL,
  current_n integer NOT NULL,
  last_n integer NOT NULL,
  media_type text NOT NULL,
  size_bytes stowage.size_bytes NOT NULL,
  sha256 stowage.sha256_digest NOT NULL,
  scan stowage.scan_status NOT NULL,
  scan_reason text,
  folder text,
  project_id text,
  scan_result_id text,
  call_id text,
  session_id text,
  category text,
  classification stowage.classification,
  metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
  tags text[] DEFAULT '{}'::text[] NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL
);

CREATE TABLE stowage.asset_access (
  tenant_id uuid NOT NULL,
  asset_id uuid NOT NULL,
  downloads bigint NOT NULL,
  last_at timestamp(3) with time zone NOT NULL
);

CREATE TABLE stowage.asset_tag (
  tenant_id uuid NOT NULL,
  asset_id uuid NOT NULL,
  tag text NOT NULL
);

CREATE TABLE stowage.asset_type (
  tenant_id uuid NOT NULL,
  name text NOT NULL,
  rules jsonb NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.audit_batch (
  tenant_id uuid NOT NULL,
  n bigint NOT NULL,
  kind text DEFAULT 'batch'::text NOT NULL,
  previous bytea NOT NULL,
  root bytea NOT NULL,
  count integer NOT NULL,
  head bytea NOT NULL,
  key_id text NOT NULL,
  signature bytea NOT NULL,
  sealed_at timestamp(3) with time zone NOT NULL
);

CREATE TABLE stowage.audit_event (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  action text NOT NULL,
  outcome stowage.audit_outcome NOT NULL,
  principal_kind text NOT NULL,
  principal_id uuid,
  subject text,
  request_id text,
  body text NOT NULL,
  batch bigint
);

CREATE TABLE stowage.audit_person (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  principal_id uuid,
  salt bytea NOT NULL,
  personal jsonb NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.cdn_purge (
  tenant_id uuid NOT NULL,
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  asset_id uuid NOT NULL,
  last_n integer NOT NULL,
  url_epoch integer NOT NULL,
  attempts integer DEFAULT 0 NOT NULL,
  due_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.chunk (
  tenant_id uuid NOT NULL,
  key text COLLATE "C" NOT NULL,
  put_id uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
  n integer DEFAULT 0 NOT NULL,
  bytes bytea NOT NULL,
  chunks_of uuid,
  pack_id uuid,
  pack_start bigint,
  size_bytes bigint,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.copy (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  sha256 stowage.sha256_digest,
  scope text NOT NULL,
  placement_id uuid NOT NULL,
  store_id text NOT NULL,
  key text NOT NULL,
  state stowage.copy_state NOT NULL,
  asset_id uuid,
  n integer,
  envelope bytea,
  encrypted boolean DEFAULT false NOT NULL,
  stored_bytes bigint,
  storage_class text DEFAULT 'STANDARD'::text NOT NULL,
  isolation text,
  epoch integer DEFAULT 0 NOT NULL,
  writable_until timestamp(3) with time zone,
  due_at timestamp(3) with time zone,
  quarantined boolean DEFAULT false NOT NULL,
  wanted_in text,
  away boolean DEFAULT false NOT NULL,
  wanted_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.credential (
  hash bytea NOT NULL,
  tenant_id uuid NOT NULL,
  key_id uuid NOT NULL,
  expires_at timestamp(3) with time zone
);

CREATE TABLE stowage.false_positive (
  tenant_id uuid NOT NULL,
  sha256 stowage.sha256_digest NOT NULL,
  finding text NOT NULL,
  reason text NOT NULL,
  created_by uuid,
  created_by_kind stowage.principal_kind,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.guard (
  tenant_id uuid NOT NULL,
  name text NOT NULL
);

CREATE TABLE stowage.idempotency (
  tenant_id uuid NOT NULL,
  principal_id uuid NOT NULL,
  key text NOT NULL,
  request_hash bytea NOT NULL,
  answer jsonb,
  status integer,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  expires_at timestamp(3) with time zone NOT NULL
);

CREATE TABLE stowage.incident (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL,
  store_id text NOT NULL,
  key text NOT NULL,
  copy_id uuid,
  at timestamp(3) with time zone NOT NULL,
  seen_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  settled_at timestamp(3) with time zone,
  outcome text,
  other_copies integer,
  detail text,
  attempts integer DEFAULT 0 NOT NULL,
  due_at timestamp(3) with time zone
);

CREATE TABLE stowage.member (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  external_id text,
  email text,
  name text,
  role text NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  removed_at timestamp(3) with time zone
);

CREATE TABLE stowage.migration (
  name text NOT NULL,
  sha256 text NOT NULL,
  applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.node (
  id uuid NOT NULL,
  data_id uuid NOT NULL,
  seen_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.object (
  tenant_id uuid NOT NULL,
  sha256 stowage.sha256_digest NOT NULL,
  size_bytes stowage.size_bytes NOT NULL,
  scan stowage.scan_status NOT NULL,
  scan_reason text,
  finding text,
  signatures text,
  derived boolean DEFAULT false NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.organization (
  tenant_id uuid NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  default_visibility smallint DEFAULT 1 NOT NULL,
  readable_unscanned text[] DEFAULT '{noScanner}'::text[] NOT NULL,
  image_sizes jsonb DEFAULT '{}'::jsonb NOT NULL,
  max_size_bytes bigint,
  quota_bytes bigint,
  quota_files bigint,
  keep_versions integer,
  store_id text,
  second_store_id text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.pack (
  id uuid NOT NULL,
  emptied_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.placement (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  store_id text NOT NULL,
  layout text NOT NULL,
  scope_kind text NOT NULL,
  rank integer NOT NULL
);

CREATE TABLE stowage.platform_secret (
  kind text NOT NULL,
  id text NOT NULL,
  wrapped bytea NOT NULL,
  master_id text NOT NULL,
  public_part bytea,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  retired_at timestamp(3) with time zone
);

CREATE TABLE stowage.quarantine_entry (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  sha256 stowage.sha256_digest NOT NULL,
  finding text NOT NULL,
  signatures text NOT NULL,
  size_bytes stowage.size_bytes NOT NULL,
  name text NOT NULL,
  asset_id uuid NOT NULL,
  state text DEFAULT 'held'::text NOT NULL,
  reason text,
  ended_by uuid,
  ended_by_kind stowage.principal_kind,
  ended_at timestamp(3) with time zone,
  found_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.scope_key (
  tenant_id uuid NOT NULL,
  scope text NOT NULL,
  id uuid NOT NULL,
  wrapped bytea NOT NULL,
  master_id text NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.signed_url (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  asset_id uuid NOT NULL,
  uses integer DEFAULT 0 NOT NULL,
  max_uses integer,
  expires_at timestamp(3) with time zone NOT NULL
);

CREATE TABLE stowage.staged_part (
  tenant_id uuid NOT NULL,
  upload_id uuid NOT NULL,
  number integer NOT NULL,
  copy_id uuid NOT NULL,
  offset_bytes bigint NOT NULL,
  size_bytes bigint NOT NULL,
  etag text NOT NULL
);

CREATE TABLE stowage.staged_upload (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  strategy text NOT NULL,
  state text DEFAULT 'open'::text NOT NULL,
  principal_id uuid NOT NULL,
  key_id uuid,
  platform boolean NOT NULL,
  rank integer NOT NULL,
  scopes text[],
  fields jsonb NOT NULL,
  asset_id uuid,
  size_bytes bigint,
  media_type text,
  part_bytes bigint,
  store_id text NOT NULL,
  scope text NOT NULL,
  prefix text NOT NULL,
  copy_id uuid,
  reference text,
  made_asset_id uuid,
  problem jsonb,
  writer uuid,
  writer_until timestamp(3) with time zone,
  writer_asked boolean DEFAULT false NOT NULL,
  tus_metadata text,
  attempts integer DEFAULT 0 NOT NULL,
  due_at timestamp(3) with time zone NOT NULL,
  expires_at timestamp(3) with time zone NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.step (
  tenant_id uuid NOT NULL,
  asset_id uuid NOT NULL,
  n integer NOT NULL,
  name text NOT NULL,
  state text NOT NULL,
  priority smallint DEFAULT 1 NOT NULL,
  attempts integer DEFAULT 0 NOT NULL,
  failures integer DEFAULT 0 NOT NULL,
  due_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  reason text,
  duration_ms integer,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.store_event (
  tenant_id uuid NOT NULL,
  store_id text NOT NULL,
  key text NOT NULL,
  kind text NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  sequencer text,
  suspected boolean DEFAULT false NOT NULL,
  seen_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  state text,
  claim integer DEFAULT 0 NOT NULL,
  failures integer DEFAULT 0 NOT NULL,
  due_at timestamp(3) with time zone,
  asset_id uuid,
  read_bytes bigint,
  read_modified_at timestamp(3) with time zone
);

CREATE TABLE stowage.team (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.team_member (
  tenant_id uuid NOT NULL,
  team_id uuid NOT NULL,
  member_id uuid NOT NULL
);

CREATE TABLE stowage.upload (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  copy_id uuid,
  asset_id uuid,
  principal_id uuid NOT NULL,
  reserved_bytes bigint NOT NULL,
  reserved_files integer NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  lease_until timestamp(3) with time zone NOT NULL
);

CREATE TABLE stowage.usage_delta (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  bytes bigint NOT NULL,
  files integer NOT NULL,
  stored_bytes bigint DEFAULT 0 NOT NULL,
  at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.usage_total (
  tenant_id uuid NOT NULL,
  bytes bigint DEFAULT 0 NOT NULL,
  files bigint DEFAULT 0 NOT NULL,
  stored_bytes bigint DEFAULT 0 NOT NULL
);

CREATE TABLE stowage.variant (
  tenant_id uuid NOT NULL,
  asset_id uuid NOT NULL,
  n integer NOT NULL,
  name text NOT NULL,
  suffix text DEFAULT ''::text NOT NULL,
  state text NOT NULL,
  attached boolean DEFAULT false NOT NULL,
  reason text,
  recipe text,
  sha256 stowage.sha256_digest,
  scope text,
  size_bytes stowage.size_bytes,
  media_type text,
  width integer,
  height integer,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.version (
  tenant_id uuid NOT NULL,
  asset_id uuid NOT NULL,
  n stowage.version_number NOT NULL,
  sha256 stowage.sha256_digest NOT NULL,
  scope text NOT NULL,
  size_bytes stowage.size_bytes NOT NULL,
  media_type text NOT NULL,
  charset text,
  name text NOT NULL,
  created_by uuid,
  created_by_kind stowage.principal_kind,
  made_from integer,
  created_at timestamp(3) with time zone NOT NULL
);

CREATE TABLE stowage.version_facts (
  tenant_id uuid NOT NULL,
  asset_id uuid NOT NULL,
  n integer NOT NULL,
  extractor text NOT NULL,
  extractor_version integer NOT NULL,
  facts jsonb NOT NULL,
  attachments jsonb DEFAULT '[]'::jsonb NOT NULL,
  text_chars bigint NOT NULL,
  category jsonb,
  cut_short text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

CREATE TABLE stowage.version_finding (
  tenant_id uuid NOT NULL,
  asset_id uuid NOT NULL,
  n integer NOT NULL,
  number integer NOT NULL,
  kind text NOT NULL,
  detail text,
  part integer NOT NULL,
  page integer,
  at integer NOT NULL,
  length integer NOT NULL,
  confidence real NOT NULL,
  masked text NOT NULL
);

CREATE TABLE stowage.version_rows (
  tenant_id uuid NOT NULL,
  asset_id uuid NOT NULL,
  n integer NOT NULL,
  sheet integer NOT NULL,
  first integer NOT NULL,
  rows jsonb NOT NULL
);

CREATE TABLE stowage.version_sheet (
  tenant_id uuid NOT NULL,
  asset_id uuid NOT NULL,
  n integer NOT NULL,
  sheet integer NOT NULL,
  name text NOT NULL,
  hidden boolean NOT NULL,
  row_count integer NOT NULL,
  columns jsonb NOT NULL
);

CREATE TABLE stowage.version_text (
  tenant_id uuid NOT NULL,
  asset_id uuid NOT NULL,
  n integer NOT NULL,
  part integer NOT NULL,
  page integer,
  label text,
  from_ms integer,
  to_ms integer,
  text text NOT NULL
);

-- Constraints

ALTER TABLE stowage.api_key ADD CONSTRAINT api_key_ceiling_check CHECK (((ceiling >= 1) AND (ceiling <= 4)));

ALTER TABLE stowage.api_key ADD CONSTRAINT api_key_name_check CHECK (((length(name) >= 1) AND (length(name) <= 255)));

ALTER TABLE stowage.api_key ADD CONSTRAINT api_key_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.api_key ADD CONSTRAINT api_key_requests_per_minute_check CHECK ((requests_per_minute > 0));

ALTER TABLE stowage.api_key ADD CONSTRAINT api_key_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'editor'::text, 'viewer'::text, 'agent'::text, 'platform'::text])));

ALTER TABLE stowage.asset ADD CONSTRAINT asset_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.asset_access ADD CONSTRAINT asset_access_pkey PRIMARY KEY (tenant_id, asset_id);

ALTER TABLE stowage.asset_tag ADD CONSTRAINT asset_tag_pkey PRIMARY KEY (tenant_id, asset_id, tag);

ALTER TABLE stowage.asset_tag ADD CONSTRAINT asset_tag_tag_check CHECK (((length(tag) >= 1) AND (length(tag) <= 64)));

ALTER TABLE stowage.asset_tag ADD CONSTRAINT asset_tag_tenant_id_asset_id_fkey FOREIGN KEY (tenant_id, asset_id) REFERENCES stowage.asset(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE stowage.asset_type ADD CONSTRAINT asset_type_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,62}$'::text));

ALTER TABLE stowage.asset_type ADD CONSTRAINT asset_type_pkey PRIMARY KEY (tenant_id, name);

ALTER TABLE stowage.asset_type ADD CONSTRAINT asset_type_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES stowage.organization(tenant_id);

ALTER TABLE stowage.audit_batch ADD CONSTRAINT audit_batch_kind_check CHECK ((kind = ANY (ARRAY['batch'::text, 'checkpoint'::text])));

ALTER TABLE stowage.audit_batch ADD CONSTRAINT audit_batch_pkey PRIMARY KEY (tenant_id, n);

ALTER TABLE stowage.audit_event ADD CONSTRAINT audit_event_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.audit_person ADD CONSTRAINT audit_person_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.cdn_purge ADD CONSTRAINT cdn_purge_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.chunk ADD CONSTRAINT chunk_pkey PRIMARY KEY (tenant_id, key, put_id, n);

ALTER TABLE stowage.copy ADD CONSTRAINT copy_check CHECK ((((state)::text <> 'live'::text) OR (sha256 IS NOT NULL)));

ALTER TABLE stowage.copy ADD CONSTRAINT copy_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.copy ADD CONSTRAINT copy_tenant_id_sha256_fkey FOREIGN KEY (tenant_id, sha256) REFERENCES stowage.object(tenant_id, sha256);

ALTER TABLE stowage.credential ADD CONSTRAINT credential_hash_check CHECK ((length(hash) = 32));

ALTER TABLE stowage.credential ADD CONSTRAINT credential_pkey PRIMARY KEY (hash);

ALTER TABLE stowage.credential ADD CONSTRAINT credential_tenant_id_key_id_fkey FOREIGN KEY (tenant_id, key_id) REFERENCES stowage.api_key(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE stowage.false_positive ADD CONSTRAINT false_positive_pkey PRIMARY KEY (tenant_id, sha256, finding);

ALTER TABLE stowage.guard ADD CONSTRAINT guard_name_check CHECK ((name = ANY (ARRAY['hold'::text, 'quota'::text])));

ALTER TABLE stowage.guard ADD CONSTRAINT guard_pkey PRIMARY KEY (tenant_id, name);

ALTER TABLE stowage.idempotency ADD CONSTRAINT idempotency_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255)));

ALTER TABLE stowage.idempotency ADD CONSTRAINT idempotency_pkey PRIMARY KEY (tenant_id, principal_id, key);

ALTER TABLE stowage.incident ADD CONSTRAINT incident_check CHECK (((settled_at IS NULL) = (outcome IS NULL)));

ALTER TABLE stowage.incident ADD CONSTRAINT incident_kind_check CHECK ((kind = ANY (ARRAY['vanished'::text, 'changed'::text, 'strange'::text, 'refused'::text])));

ALTER TABLE stowage.incident ADD CONSTRAINT incident_outcome_check CHECK ((outcome = ANY (ARRAY['intact'::text, 'damaged'::text, 'missing'::text, 'released'::text, 'left'::text])));

ALTER TABLE stowage.incident ADD CONSTRAINT incident_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.member ADD CONSTRAINT member_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.member ADD CONSTRAINT member_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'editor'::text, 'viewer'::text])));

ALTER TABLE stowage.member ADD CONSTRAINT member_tenant_id_external_id_key UNIQUE (tenant_id, external_id);

ALTER TABLE stowage.member ADD CONSTRAINT member_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES stowage.organization(tenant_id);

ALTER TABLE stowage.migration ADD CONSTRAINT migration_pkey PRIMARY KEY (name);

ALTER TABLE stowage.node ADD CONSTRAINT node_pkey PRIMARY KEY (id);

ALTER TABLE stowage.object ADD CONSTRAINT object_pkey PRIMARY KEY (tenant_id, sha256);

ALTER TABLE stowage.organization ADD CONSTRAINT organization_default_visibility_check CHECK (((default_visibility >= 0) AND (default_visibility <= 1)));

ALTER TABLE stowage.organization ADD CONSTRAINT organization_keep_versions_check CHECK ((keep_versions > 0));

ALTER TABLE stowage.organization ADD CONSTRAINT organization_max_size_bytes_check CHECK ((max_size_bytes > 0));

ALTER TABLE stowage.organization ADD CONSTRAINT organization_name_check CHECK (((length(name) >= 1) AND (length(name) <= 255)));

ALTER TABLE stowage.organization ADD CONSTRAINT organization_pkey PRIMARY KEY (tenant_id);

ALTER TABLE stowage.organization ADD CONSTRAINT organization_quota_bytes_check CHECK ((quota_bytes >= 0));

ALTER TABLE stowage.organization ADD CONSTRAINT organization_quota_files_check CHECK ((quota_files >= 0));

ALTER TABLE stowage.organization ADD CONSTRAINT organization_slug_check CHECK ((slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text));

ALTER TABLE stowage.organization ADD CONSTRAINT organization_slug_key UNIQUE (slug);

ALTER TABLE stowage.pack ADD CONSTRAINT pack_pkey PRIMARY KEY (id);

ALTER TABLE stowage.placement ADD CONSTRAINT placement_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.placement ADD CONSTRAINT placement_scope_kind_check CHECK ((scope_kind = ANY (ARRAY['organization'::text, 'user'::text])));

ALTER TABLE stowage.placement ADD CONSTRAINT placement_tenant_id_store_id_layout_scope_kind_key UNIQUE (tenant_id, store_id, layout, scope_kind);

ALTER TABLE stowage.platform_secret ADD CONSTRAINT platform_secret_kind_check CHECK ((kind = ANY (ARRAY['urlSigning'::text, 'auditSigning'::text])));

ALTER TABLE stowage.platform_secret ADD CONSTRAINT platform_secret_pkey PRIMARY KEY (kind, id);

ALTER TABLE stowage.quarantine_entry ADD CONSTRAINT quarantine_entry_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.quarantine_entry ADD CONSTRAINT quarantine_entry_state_check CHECK ((state = ANY (ARRAY['held'::text, 'released'::text, 'purged'::text])));

ALTER TABLE stowage.scope_key ADD CONSTRAINT scope_key_pkey PRIMARY KEY (tenant_id, scope);

ALTER TABLE stowage.signed_url ADD CONSTRAINT signed_url_max_uses_check CHECK ((max_uses > 0));

ALTER TABLE stowage.signed_url ADD CONSTRAINT signed_url_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.staged_part ADD CONSTRAINT staged_part_pkey PRIMARY KEY (tenant_id, upload_id, number);

ALTER TABLE stowage.staged_part ADD CONSTRAINT staged_part_tenant_id_upload_id_fkey FOREIGN KEY (tenant_id, upload_id) REFERENCES stowage.staged_upload(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE stowage.staged_upload ADD CONSTRAINT staged_upload_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.staged_upload ADD CONSTRAINT staged_upload_state_check CHECK ((state = ANY (ARRAY['open'::text, 'completing'::text, 'done'::text, 'failed'::text])));

ALTER TABLE stowage.staged_upload ADD CONSTRAINT staged_upload_strategy_check CHECK ((strategy = ANY (ARRAY['single-put'::text, 'post-policy'::text, 'multipart'::text, 'resumable'::text])));

ALTER TABLE stowage.step ADD CONSTRAINT step_pkey PRIMARY KEY (tenant_id, asset_id, n, name);

ALTER TABLE stowage.step ADD CONSTRAINT step_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'running'::text, 'done'::text, 'skipped'::text, 'dead'::text])));

ALTER TABLE stowage.step ADD CONSTRAINT step_tenant_id_asset_id_n_fkey FOREIGN KEY (tenant_id, asset_id, n) REFERENCES stowage.version(tenant_id, asset_id, n) ON DELETE CASCADE;

ALTER TABLE stowage.store_event ADD CONSTRAINT store_event_kind_check CHECK ((kind = ANY (ARRAY['created'::text, 'removed'::text])));

ALTER TABLE stowage.store_event ADD CONSTRAINT store_event_pkey PRIMARY KEY (tenant_id, store_id, key);

ALTER TABLE stowage.store_event ADD CONSTRAINT store_event_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'deleting'::text, 'done'::text, 'refused'::text, 'gone'::text])));

ALTER TABLE stowage.team ADD CONSTRAINT team_name_check CHECK (((length(name) >= 1) AND (length(name) <= 255)));

ALTER TABLE stowage.team ADD CONSTRAINT team_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.team ADD CONSTRAINT team_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES stowage.organization(tenant_id);

ALTER TABLE stowage.team ADD CONSTRAINT team_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE stowage.team_member ADD CONSTRAINT team_member_pkey PRIMARY KEY (tenant_id, team_id, member_id);

ALTER TABLE stowage.team_member ADD CONSTRAINT team_member_tenant_id_member_id_fkey FOREIGN KEY (tenant_id, member_id) REFERENCES stowage.member(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE stowage.team_member ADD CONSTRAINT team_member_tenant_id_team_id_fkey FOREIGN KEY (tenant_id, team_id) REFERENCES stowage.team(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE stowage.upload ADD CONSTRAINT upload_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.usage_delta ADD CONSTRAINT usage_delta_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE stowage.usage_total ADD CONSTRAINT usage_total_pkey PRIMARY KEY (tenant_id);

ALTER TABLE stowage.variant ADD CONSTRAINT variant_check CHECK (((state <> 'made'::text) OR ((sha256 IS NOT NULL) AND (scope IS NOT NULL) AND (size_bytes IS NOT NULL) AND (media_type IS NOT NULL))));

ALTER TABLE stowage.variant ADD CONSTRAINT variant_pkey PRIMARY KEY (tenant_id, asset_id, n, name, suffix);

ALTER TABLE stowage.variant ADD CONSTRAINT variant_state_check CHECK ((state = ANY (ARRAY['wanted'::text, 'made'::text, 'failed'::text])));

ALTER TABLE stowage.variant ADD CONSTRAINT variant_tenant_id_asset_id_n_fkey FOREIGN KEY (tenant_id, asset_id, n) REFERENCES stowage.version(tenant_id, asset_id, n) ON DELETE CASCADE;

ALTER TABLE stowage.variant ADD CONSTRAINT variant_tenant_id_sha256_fkey FOREIGN KEY (tenant_id, sha256) REFERENCES stowage.object(tenant_id, sha256);

ALTER TABLE stowage.version ADD CONSTRAINT version_pkey PRIMARY KEY (tenant_id, asset_id, n);

ALTER TABLE stowage.version ADD CONSTRAINT version_tenant_id_asset_id_fkey FOREIGN KEY (tenant_id, asset_id) REFERENCES stowage.asset(tenant_id, id);

ALTER TABLE stowage.version ADD CONSTRAINT version_tenant_id_sha256_fkey FOREIGN KEY (tenant_id, sha256) REFERENCES stowage.object(tenant_id, sha256);

ALTER TABLE stowage.version_facts ADD CONSTRAINT version_facts_pkey PRIMARY KEY (tenant_id, asset_id, n);

ALTER TABLE stowage.version_facts ADD CONSTRAINT version_facts_tenant_id_asset_id_n_fkey FOREIGN KEY (tenant_id, asset_id, n) REFERENCES stowage.version(tenant_id, asset_id, n) ON DELETE CASCADE;

ALTER TABLE stowage.version_finding ADD CONSTRAINT version_finding_pkey PRIMARY KEY (tenant_id, asset_id, n, number);

ALTER TABLE stowage.version_finding ADD CONSTRAINT version_finding_tenant_id_asset_id_n_fkey FOREIGN KEY (tenant_id, asset_id, n) REFERENCES stowage.version(tenant_id, asset_id, n) ON DELETE CASCADE;

ALTER TABLE stowage.version_rows ADD CONSTRAINT version_rows_pkey PRIMARY KEY (tenant_id, asset_id, n, sheet, first);

ALTER TABLE stowage.version_rows ADD CONSTRAINT version_rows_tenant_id_asset_id_n_fkey FOREIGN KEY (tenant_id, asset_id, n) REFERENCES stowage.version(tenant_id, asset_id, n) ON DELETE CASCADE;

ALTER TABLE stowage.version_sheet ADD CONSTRAINT version_sheet_pkey PRIMARY KEY (tenant_id, asset_id, n, sheet);

ALTER TABLE stowage.version_sheet ADD CONSTRAINT version_sheet_tenant_id_asset_id_n_fkey FOREIGN KEY (tenant_id, asset_id, n) REFERENCES stowage.version(tenant_id, asset_id, n) ON DELETE CASCADE;

ALTER TABLE stowage.version_text ADD CONSTRAINT version_text_pkey PRIMARY KEY (tenant_id, asset_id, n, part);

ALTER TABLE stowage.version_text ADD CONSTRAINT version_text_tenant_id_asset_id_n_fkey FOREIGN KEY (tenant_id, asset_id, n) REFERENCES stowage.version(tenant_id, asset_id, n) ON DELETE CASCADE;

-- Indexes

CREATE INDEX asset_expires_at_idx ON stowage.asset USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX asset_purge_after_idx ON stowage.asset USING btree (purge_after) WHERE (purge_after IS NOT NULL);

CREATE INDEX asset_tag_tenant_id_tag_asset_id_idx ON stowage.asset_tag USING btree (tenant_id, tag, asset_id);

CREATE INDEX asset_tenant_id_asset_type_created_at_id_idx ON stowage.asset USING btree (tenant_id, asset_type, created_at DESC, id DESC);

CREATE INDEX asset_tenant_id_call_id_created_at_idx ON stowage.asset USING btree (tenant_id, call_id, created_at DESC) WHERE (call_id IS NOT NULL);

CREATE INDEX asset_tenant_id_created_at_id_idx ON stowage.asset USING btree (tenant_id, created_at DESC, id DESC);

CREATE INDEX asset_tenant_id_folder_created_at_idx ON stowage.asset USING btree (tenant_id, folder, created_at DESC) WHERE (folder IS NOT NULL);

CREATE INDEX asset_tenant_id_owner_id_created_at_id_idx ON stowage.asset USING btree (tenant_id, owner_id, created_at DESC, id DESC);

CREATE INDEX asset_tenant_id_project_id_created_at_idx ON stowage.asset USING btree (tenant_id, project_id, created_at DESC) WHERE (project_id IS NOT NULL);

CREATE INDEX audit_event_tenant_id_at_id_idx ON stowage.audit_event USING btree (tenant_id, at DESC, id DESC);

CREATE INDEX audit_event_tenant_id_batch_idx ON stowage.audit_event USING btree (tenant_id, batch);

CREATE INDEX audit_event_tenant_id_id_idx ON stowage.audit_event USING btree (tenant_id, id) WHERE (batch IS NULL);

CREATE INDEX audit_event_tenant_id_subject_at_idx ON stowage.audit_event USING btree (tenant_id, subject, at DESC) WHERE (subject IS NOT NULL);

CREATE INDEX audit_person_tenant_id_principal_id_idx ON stowage.audit_person USING btree (tenant_id, principal_id);

CREATE INDEX cdn_purge_due_at_idx ON stowage.cdn_purge USING btree (due_at);

CREATE INDEX chunk_pack ON stowage.chunk USING btree (pack_id) WHERE (pack_id IS NOT NULL);

CREATE INDEX copy_due_at_idx ON stowage.copy USING btree (due_at) WHERE ((state)::text = ANY (ARRAY['writing'::text, 'releasing'::text]));

CREATE INDEX copy_tenant_id_sha256_scope_idx ON stowage.copy USING btree (tenant_id, sha256, scope) WHERE ((state)::text = 'live'::text);

CREATE INDEX copy_wanted_at_idx ON stowage.copy USING btree (wanted_at) WHERE ((wanted_in IS NOT NULL) AND ((state)::text = 'live'::text));

CREATE INDEX credential_tenant_id_key_id_idx ON stowage.credential USING btree (tenant_id, key_id);

CREATE INDEX idempotency_expires_at_idx ON stowage.idempotency USING btree (expires_at);

CREATE INDEX incident_due_at_idx ON stowage.incident USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX incident_tenant_id_seen_at_id_idx ON stowage.incident USING btree (tenant_id, seen_at DESC, id DESC);

CREATE INDEX object_coalesce_idx ON stowage.object USING btree (COALESCE(signatures, ''::text)) WHERE (NOT derived);

CREATE INDEX quarantine_entry_tenant_id_found_at_id_idx ON stowage.quarantine_entry USING btree (tenant_id, found_at DESC, id DESC);

CREATE INDEX scope_key_master_id_idx ON stowage.scope_key USING btree (master_id);

CREATE INDEX signed_url_expires_at_idx ON stowage.signed_url USING btree (expires_at);

CREATE INDEX signed_url_tenant_id_asset_id_idx ON stowage.signed_url USING btree (tenant_id, asset_id);

CREATE INDEX staged_upload_due_at_idx ON stowage.staged_upload USING btree (due_at);

CREATE INDEX step_priority_due_at_idx ON stowage.step USING btree (priority, due_at) WHERE (state = ANY (ARRAY['waiting'::text, 'running'::text]));

CREATE INDEX store_event_due_at_idx ON stowage.store_event USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX store_event_tenant_id_seen_at_idx ON stowage.store_event USING btree (tenant_id, seen_at);

CREATE INDEX upload_tenant_id_copy_id_idx ON stowage.upload USING btree (tenant_id, copy_id);

CREATE INDEX variant_tenant_id_sha256_scope_idx ON stowage.variant USING btree (tenant_id, sha256, scope) WHERE (sha256 IS NOT NULL);

CREATE INDEX version_tenant_id_sha256_scope_idx ON stowage.version USING btree (tenant_id, sha256, scope);

CREATE UNIQUE INDEX copy_store_id_key_tenant_id_idx ON stowage.copy USING btree (store_id, key, tenant_id) WHERE ((state)::text <> 'gone'::text);

CREATE UNIQUE INDEX quarantine_entry_tenant_id_sha256_idx ON stowage.quarantine_entry USING btree (tenant_id, sha256) WHERE (state = 'held'::text);

-- Row-level security

ALTER TABLE stowage.api_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.api_key FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.asset ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.asset FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.asset_access ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.asset_access FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.asset_tag ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.asset_tag FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.asset_type ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.asset_type FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.audit_batch ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.audit_batch FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.audit_event ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.audit_event FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.audit_person ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.audit_person FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.cdn_purge ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.cdn_purge FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.chunk ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.chunk FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.copy ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.copy FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.credential ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.credential FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.false_positive ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.false_positive FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.guard ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.guard FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.idempotency ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.idempotency FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.incident ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.incident FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.member ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.member FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.node ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.node FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.object ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.object FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.organization ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.organization FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.placement ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.placement FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.platform_secret ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.platform_secret FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.quarantine_entry ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.quarantine_entry FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.scope_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.scope_key FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.signed_url ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.signed_url FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.staged_part ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.staged_part FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.staged_upload ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.staged_upload FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.step ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.step FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.store_event ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.store_event FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.team ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.team FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.team_member ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.team_member FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.upload ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.upload FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.usage_delta ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.usage_delta FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.usage_total ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.usage_total FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.variant ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.variant FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.version ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.version FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.version_facts ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.version_facts FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.version_finding ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.version_finding FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.version_rows ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.version_rows FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.version_sheet ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.version_sheet FORCE ROW LEVEL SECURITY;

ALTER TABLE stowage.version_text ENABLE ROW LEVEL SECURITY;

ALTER TABLE stowage.version_text FORCE ROW LEVEL SECURITY;

-- Policies

CREATE POLICY "trim" ON stowage.audit_batch AS PERMISSIVE FOR DELETE TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 5))));

CREATE POLICY "trim" ON stowage.audit_event AS PERMISSIVE FOR DELETE TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 5)) AND (batch IS NOT NULL)));

CREATE POLICY add ON stowage.asset AS PERMISSIVE FOR INSERT TO stowage_app
  WITH CHECK (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api."only"() IS NULL)) AND ( SELECT (api.rank() >= 2)) AND ((owner_id IS NULL) OR (owner_id = ( SELECT api.me() AS me)) OR ( SELECT (api.rank() >= 3)))));

CREATE POLICY add ON stowage.audit_batch AS PERMISSIVE FOR INSERT TO stowage_app
  WITH CHECK ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY add ON stowage.audit_event AS PERMISSIVE FOR INSERT TO stowage_app
  WITH CHECK ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY add ON stowage.audit_person AS PERMISSIVE FOR INSERT TO stowage_app
  WITH CHECK ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY add ON stowage.organization AS PERMISSIVE FOR INSERT TO stowage_app
  WITH CHECK (( SELECT api.platform() AS platform));

CREATE POLICY admin ON stowage.api_key AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))))
  WITH CHECK (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3)) AND ((api.role_rank(role) >= 1) AND (api.role_rank(role) <= ( SELECT api.rank() AS rank)))));

CREATE POLICY admin ON stowage.credential AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))));

CREATE POLICY admin ON stowage.team AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))));

CREATE POLICY admin ON stowage.team_member AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))));

CREATE POLICY admins ON stowage.quarantine_entry AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))));

CREATE POLICY ceiling ON stowage.api_key AS RESTRICTIVE FOR INSERT TO stowage_app
  WITH CHECK ((ceiling <= ( SELECT api.rank() AS rank)));

CREATE POLICY change ON stowage.asset AS PERMISSIVE FOR UPDATE TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api."only"() IS NULL)) AND (( SELECT (api.rank() >= 3)) OR (( SELECT (api.rank() >= 2)) AND ((owner_id = ( SELECT api.me() AS me)) OR ((visibility)::smallint > 0))))))
  WITH CHECK ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY change ON stowage.organization AS PERMISSIVE FOR UPDATE TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))));

CREATE POLICY erase ON stowage.audit_person AS PERMISSIVE FOR DELETE TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 5))));

CREATE POLICY found ON stowage.guard AS PERMISSIVE FOR INSERT TO stowage_app
  WITH CHECK (( SELECT api.platform() AS platform));

CREATE POLICY mine ON stowage.idempotency AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND (principal_id = ( SELECT api.me() AS me))));

CREATE POLICY mine ON stowage.staged_upload AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ((principal_id = ( SELECT api.me() AS me)) OR ( SELECT (api.rank() >= 3)))));

CREATE POLICY owner_all ON stowage.api_key AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.asset AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.asset_access AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.asset_tag AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.asset_type AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.audit_batch AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.audit_event AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.audit_person AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.cdn_purge AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.chunk AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.copy AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.credential AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.false_positive AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.guard AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.idempotency AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.incident AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.member AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.node AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.object AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.organization AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.placement AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.platform_secret AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.quarantine_entry AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.scope_key AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.signed_url AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.staged_part AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.staged_upload AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.step AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.store_event AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.team AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.team_member AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.upload AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.usage_delta AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.usage_total AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.variant AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.version AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.version_facts AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.version_finding AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.version_rows AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.version_sheet AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY owner_all ON stowage.version_text AS PERMISSIVE FOR ALL TO stowage_owner
  USING (true)
  WITH CHECK (true);

CREATE POLICY read ON stowage.asset AS PERMISSIVE FOR SELECT TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND (( SELECT (api."only"() IS NULL)) OR (id = ( SELECT api."only"() AS "only"))) AND ((owner_id = ( SELECT api.me() AS me)) OR (((visibility)::smallint > 0) AND ( SELECT (api.rank() >= 1))) OR (((visibility)::smallint = 2) AND ( SELECT (api."only"() IS NOT NULL))) OR ( SELECT (api.rank() >= 3)))));

CREATE POLICY read ON stowage.asset_tag AS PERMISSIVE FOR SELECT TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY read ON stowage.asset_type AS PERMISSIVE FOR SELECT TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY read ON stowage.audit_batch AS PERMISSIVE FOR SELECT TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))));

CREATE POLICY read ON stowage.audit_event AS PERMISSIVE FOR SELECT TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))));

CREATE POLICY read ON stowage.audit_person AS PERMISSIVE FOR SELECT TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))));

CREATE POLICY read ON stowage.false_positive AS PERMISSIVE FOR SELECT TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY read ON stowage.incident AS PERMISSIVE FOR SELECT TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))));

CREATE POLICY read ON stowage.member AS PERMISSIVE FOR SELECT TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND (( SELECT (api.rank() >= 3)) OR (id = ( SELECT api.me() AS me)))));

CREATE POLICY read ON stowage.organization AS PERMISSIVE FOR SELECT TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) OR ( SELECT api.platform() AS platform)));

CREATE POLICY remove ON stowage.asset AS PERMISSIVE FOR DELETE TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api."only"() IS NULL)) AND (( SELECT (api.rank() >= 3)) OR (( SELECT (api.rank() >= 2)) AND (owner_id = ( SELECT api.me() AS me))))));

CREATE POLICY remove ON stowage.organization AS PERMISSIVE FOR DELETE TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 4))));

CREATE POLICY seal ON stowage.audit_event AS PERMISSIVE FOR UPDATE TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 5)) AND (batch IS NULL)))
  WITH CHECK (((tenant_id = ( SELECT api.tenant() AS tenant)) AND (batch IS NOT NULL)));

CREATE POLICY service ON stowage.platform_secret AS PERMISSIVE FOR ALL TO stowage_app
  USING (( SELECT (api.rank() >= 5)));

CREATE POLICY tenant ON stowage.asset_access AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.cdn_purge AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.chunk AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.copy AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.guard AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.object AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.placement AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.scope_key AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.signed_url AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.staged_part AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.step AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.store_event AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.upload AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.usage_delta AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.usage_total AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.variant AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.version AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.version_facts AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.version_finding AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.version_rows AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.version_sheet AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tenant ON stowage.version_text AS PERMISSIVE FOR ALL TO stowage_app
  USING ((tenant_id = ( SELECT api.tenant() AS tenant)));

CREATE POLICY tidy ON stowage.idempotency AS PERMISSIVE FOR DELETE TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 5))));

CREATE POLICY write ON stowage.asset_tag AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 2))));

CREATE POLICY write ON stowage.asset_type AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))));

CREATE POLICY write ON stowage.false_positive AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3))));

CREATE POLICY write ON stowage.incident AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 5))));

CREATE POLICY write ON stowage.member AS PERMISSIVE FOR ALL TO stowage_app
  USING (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3)) AND (api.role_rank(role) <= ( SELECT api.rank() AS rank))))
  WITH CHECK (((tenant_id = ( SELECT api.tenant() AS tenant)) AND ( SELECT (api.rank() >= 3)) AND (api.role_rank(role) <= ( SELECT api.rank() AS rank))));

-- Views

CREATE VIEW stowage.pointer WITH (security_invoker=true) AS
 SELECT version.tenant_id,
    version.sha256,
    version.scope,
    version.asset_id,
    version.n
   FROM stowage.version
UNION ALL
 SELECT variant.tenant_id,
    variant.sha256,
    variant.scope,
    variant.asset_id,
    variant.n
   FROM stowage.variant
  WHERE (variant.sha256 IS NOT NULL);

-- Functions

CREATE OR REPLACE FUNCTION api."only"()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (NULLIF(current_setting('stowage.only'::text, true), ''::text))::uuid
;

CREATE OR REPLACE FUNCTION api.all_tenants()
 RETURNS SETOF uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id from stowage.organization order by tenant_id
$function$
;

CREATE OR REPLACE FUNCTION api.away_from_home(OUT away_count bigint, OUT away_bytes numeric, OUT single_count bigint, OUT single_bytes numeric)
 RETURNS record
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select count(*) filter (where away), coalesce(sum(stored_bytes) filter (where away), 0),
    count(*) filter (where not away), coalesce(sum(stored_bytes) filter (where not away), 0)
  from stowage.copy where wanted_in is not null and state = 'live'
$function$
;

CREATE OR REPLACE FUNCTION api.begin_pack(p_pack uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  insert into stowage.pack (id) values (p_pack)
$function$
;

CREATE OR REPLACE FUNCTION api.commit_copy(p_copy uuid, p_sha256 bytea, p_size bigint, p_scan text, p_scan_reason text, p_finding text, p_signatures text, p_scope text, p_placement uuid, p_store text, p_key text, p_encrypted boolean, p_stored bigint, p_envelope bytea, p_epoch integer, p_asset uuid, p_n integer, p_bytes bytea, p_pack uuid, p_start bigint, p_usage uuid, p_files integer)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
declare
  t uuid := api.tenant();
  inserted boolean;
  deduplicated boolean;
begin
  -- The lock keeps api.release_copies away until this transaction ends; the loop covers an object row removed in between.
  loop
    insert into stowage.object (tenant_id, sha256, size_bytes, scan, scan_reason, finding, signatures)
      values (t, p_sha256, p_size, p_scan, p_scan_reason, p_finding, p_signatures) on conflict do nothing;
    inserted := found;
    exit when inserted;
    perform from stowage.object where tenant_id = t and sha256 = p_sha256 for key share;
    exit when found;
  end loop;

  -- What was known of bytes that only variants had says nothing of a file that somebody sent.
  if not inserted and p_usage is not null then
    update stowage.object
      set derived = false, scan = p_scan, scan_reason = p_scan_reason, finding = p_finding, signatures = p_signatures
      where tenant_id = t and sha256 = p_sha256 and derived;
  end if;

  if p_signatures is not null then
    perform api.judge(p_sha256, p_scan, p_scan_reason, p_finding, p_signatures);
  end if;

  deduplicated := not inserted and p_asset is null and exists (
    select from stowage.copy
    where tenant_id = t and sha256 = p_sha256 and scope = p_scope and state = 'live'
      and placement_id = p_placement and encrypted = p_encrypted and asset_id is null and not quarantined
  );
  if deduplicated then
    update stowage.copy set state = 'releasing', due_at = now(), writable_until = null
      where tenant_id = t and id = p_copy and state = 'writing' and epoch = p_epoch;
  elsif p_bytes is not null then
    insert into stowage.copy (tenant_id, id, sha256, scope, placement_id, store_id, key, state, asset_id, n, envelope, encrypted, stored_bytes)
      values (t, p_copy, p_sha256, p_scope, p_placement, p_store, p_key, 'live', p_asset, p_n, p_envelope, p_encrypted, p_stored);
    insert into stowage.chunk (tenant_id, key, bytes, pack_id, pack_start, size_bytes)
      values (t, p_key, p_bytes, p_pack, p_start, case when p_pack is not null then p_stored end);
  else
    update stowage.copy
      set state = 'live', sha256 = p_sha256, envelope = p_envelope, encrypted = p_encrypted, stored_bytes = p_stored,
        asset_id = p_asset, n = p_n, due_at = null, writable_until = null
      where tenant_id = t and id = p_copy and state = 'writing' and epoch = p_epoch;
    if not found then
      return 'lost';
    end if;
  end if;

  if p_usage is not null then
    insert into stowage.usage_delta (tenant_id, id, bytes, files, stored_bytes)
      values (t, p_usage, p_size, p_files, case when deduplicated then 0 else p_size end);
  end if;
  return case when deduplicated then 'deduplicated' else 'live' end;
end $function$
;

CREATE OR REPLACE FUNCTION api.commit_upload(p_copy uuid, p_sha256 bytea, p_size bigint, p_scan text, p_scan_reason text, p_finding text, p_signatures text, p_scope text, p_placement uuid, p_store text, p_key text, p_encrypted boolean, p_stored bigint, p_envelope bytea, p_asset uuid, p_n integer, p_bytes bytea, p_pack uuid, p_start bigint, p_usage uuid, p_files integer, p_share_bytes bigint, p_share_files integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if p_share_bytes + p_share_files > 0 and not api.reserve(p_share_bytes, p_share_files) then
    raise exception using errcode = 'SW001', message = 'over quota';
  end if;
  if api.commit_copy(p_copy, p_sha256, p_size, p_scan, p_scan_reason, p_finding, p_signatures, p_scope, p_placement, p_store, p_key, p_encrypted,
      p_stored, p_envelope, 0, p_asset, p_n, p_bytes, p_pack, p_start, p_usage, p_files) = 'lost' then
    raise exception using errcode = 'SW002', message = 'the copy was taken';
  end if;
end $function$
;

CREATE OR REPLACE FUNCTION api.commit_variant(p_asset uuid, p_n integer, p_name text, p_suffix text, p_attached boolean, p_recipe text, p_media_type text, p_width integer, p_height integer, p_copy uuid, p_sha256 bytea, p_size bigint, p_scan text, p_scan_reason text, p_signatures text, p_scope text, p_placement uuid, p_store text, p_key text, p_encrypted boolean, p_stored bigint, p_envelope bytea, p_bound boolean, p_bytes bytea, p_usage uuid)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
declare
  t uuid := api.tenant();
  placed text;
begin
  perform from stowage.version where tenant_id = t and asset_id = p_asset and n = p_n for key share;
  if not found then
    return 'lost';
  end if;
  insert into stowage.object (tenant_id, sha256, size_bytes, scan, scan_reason, signatures, derived)
    values (t, p_sha256, p_size, p_scan, p_scan_reason, p_signatures, not p_attached) on conflict do nothing;
  if not found and p_attached then
    -- What was drawn here was never looked at; what a caller sends is.
    update stowage.object set derived = false, scan = p_scan, scan_reason = p_scan_reason, signatures = p_signatures
      where tenant_id = t and sha256 = p_sha256 and derived;
  end if;
  placed := api.commit_copy(p_copy, p_sha256, p_size, p_scan, p_scan_reason, null, p_signatures, p_scope, p_placement, p_store, p_key,
    p_encrypted, p_stored, p_envelope, 0, case when p_bound then p_asset end, case when p_bound then p_n end, p_bytes, null, null, null, 0);
  if placed = 'lost' then
    return 'lost';
  end if;
  insert into stowage.variant as known (tenant_id, asset_id, n, name, suffix, state, attached, recipe, sha256, scope, size_bytes,
      media_type, width, height)
    values (t, p_asset, p_n, p_name, p_suffix, 'made', p_attached, p_recipe, p_sha256, p_scope, p_size, p_media_type, p_width,
      p_height)
    on conflict (tenant_id, asset_id, n, name, suffix) do update
      set state = 'made', reason = null, attached = excluded.attached, recipe = excluded.recipe, sha256 = excluded.sha256,
        scope = excluded.scope, size_bytes = excluded.size_bytes, media_type = excluded.media_type, width = excluded.width,
        height = excluded.height, created_at = now();
  insert into stowage.usage_delta (tenant_id, id, bytes, files, stored_bytes)
    values (t, p_usage, case when p_attached then p_size else 0 end, 0, case when placed = 'live' then p_size else 0 end);
  return placed;
end $function$
;

CREATE OR REPLACE FUNCTION api.copies_at(p_store text, p_key text)
 RETURNS TABLE(tenant_id uuid, id uuid)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id, id from stowage.copy where store_id = p_store and key = p_key and state <> 'gone'
$function$
;

CREATE OR REPLACE FUNCTION api.count_incidents()
 RETURNS TABLE(kind text, outcome text, count bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select kind, coalesce(outcome, 'open'), count(*) from stowage.incident group by 1, 2
$function$
;

CREATE OR REPLACE FUNCTION api.count_steps()
 RETURNS TABLE(name text, state text, count bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select name, state, count(*) from stowage.step where state in ('waiting', 'running', 'dead') group by 1, 2
$function$
;

CREATE OR REPLACE FUNCTION api.due_assets(p_limit integer)
 RETURNS TABLE(tenant_id uuid, id uuid)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  (select tenant_id, id from stowage.asset where purge_after <= now() order by purge_after limit p_limit)
  union
  (select tenant_id, id from stowage.asset where expires_at <= now() and state <> 'trashed' order by expires_at limit p_limit)
$function$
;

CREATE OR REPLACE FUNCTION api.due_copies(p_limit integer)
 RETURNS TABLE(tenant_id uuid, id uuid)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id, id from stowage.copy
  where state in ('writing', 'releasing') and due_at <= now() order by due_at limit p_limit
$function$
;

CREATE OR REPLACE FUNCTION api.due_inbox(p_limit integer)
 RETURNS TABLE(tenant_id uuid, store_id text, key text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id, store_id, key from stowage.store_event where due_at <= now() order by due_at limit p_limit
$function$
;

CREATE OR REPLACE FUNCTION api.due_purges(p_limit integer)
 RETURNS TABLE(tenant_id uuid, id uuid)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id, id from stowage.cdn_purge where due_at <= now() order by due_at limit p_limit
$function$
;

CREATE OR REPLACE FUNCTION api.due_scrubs(p_limit integer)
 RETURNS TABLE(tenant_id uuid, id uuid)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id, id from stowage.incident where due_at <= now() order by due_at limit p_limit
$function$
;

CREATE OR REPLACE FUNCTION api.due_staged_uploads(p_limit integer)
 RETURNS TABLE(tenant_id uuid, id uuid)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id, id from stowage.staged_upload where due_at <= now() order by due_at limit p_limit
$function$
;

CREATE OR REPLACE FUNCTION api.due_steps(p_limit integer, p_without text[])
 RETURNS TABLE(tenant_id uuid, asset_id uuid, n integer, name text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id, asset_id, n, name from stowage.step
  where state in ('waiting', 'running') and due_at <= now() and name <> all (p_without)
  order by priority, due_at limit p_limit
$function$
;

CREATE OR REPLACE FUNCTION api.empty_pack(p_pack uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  update stowage.pack set emptied_at = now() where id = p_pack and emptied_at is null
$function$
;

CREATE OR REPLACE FUNCTION api.end_inbox(p_store text, p_key text, p_claim integer, p_asset uuid, p_bytes bigint, p_modified timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  update stowage.store_event
    set state = 'deleting', asset_id = p_asset, read_bytes = p_bytes, read_modified_at = p_modified, failures = 0
    where tenant_id = api.tenant() and store_id = p_store and key = p_key and state = 'waiting' and claim = p_claim;
  if not found then
    raise exception using errcode = 'SW002', message = 'the object in the inbox was taken anew';
  end if;
end $function$
;

CREATE OR REPLACE FUNCTION api.enter(p_hash bytea, p_organization text, p_act_for text)
 RETURNS api.entrance
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  e api.entrance;
  k record;
  org record;
  m record;
begin
  select c.tenant_id, c.expires_at as secret_expires_at, a.id, a.role, a.member_id, a.ceiling, a.scopes, a.expires_at, a.revoked_at, a.requests_per_minute
    into k from stowage.credential c join stowage.api_key a on a.tenant_id = c.tenant_id and a.id = c.key_id
    where c.hash = p_hash;
  if not found or k.revoked_at is not null then
    e.outcome := 'credential.invalid';
    return e;
  end if;
  if k.expires_at <= now() or k.secret_expires_at <= now() then
    e.outcome := 'credential.expired';
    return e;
  end if;

  if k.role = 'platform' then
    select tenant_id, slug into org from api.find_organization(coalesce(p_organization, 'default'));
  else
    select tenant_id, slug into org from stowage.organization
      where tenant_id = k.tenant_id and (p_organization is null or slug = p_organization or tenant_id::text = p_organization);
  end if;
  if org.tenant_id is null then
    e.outcome := 'organization.notFound';
    return e;
  end if;

  e := row('ok', org.tenant_id, org.slug, case k.role when 'platform' then 'platform' when 'agent' then 'agent' else 'apiKey' end,
    k.id, k.id, case k.role when 'platform' then 'owner' else k.role end,
    case k.role when 'platform' then 4 else api.role_rank(k.role) end, k.scopes, k.requests_per_minute)::api.entrance;

  if k.member_id is not null or p_act_for is not null then
    -- A key that belongs to a member acts for nobody else; only agents, admins and owners act for others.
    if p_act_for is not null and (k.member_id is not null or k.role in ('viewer', 'editor')) then
      e.outcome := 'access.cannotActFor';
      return e;
    end if;
    select id, role into m from stowage.member
      where tenant_id = org.tenant_id and removed_at is null
        and (id = k.member_id or id::text = p_act_for or external_id = p_act_for)
      order by id::text = p_act_for desc nulls last limit 1;
    if not found then
      e.outcome := case when p_act_for is null then 'credential.invalid' else 'member.notFound' end;
      return e;
    end if;
    e.principal_id := m.id;
    if e.kind <> 'agent' then
      e.kind := 'user';
    end if;
    -- Never more than the member; an agent's own role is its scopes.
    e.rank := case when k.role = 'agent' then least(api.role_rank(m.role), k.ceiling) else least(e.rank, api.role_rank(m.role)) end;
    e.role := case when k.role = 'agent' then 'agent' else api.rank_role(e.rank) end;
  end if;

  perform api.settle(e.tenant_id, e.principal_id, e.rank, null, k.role = 'platform' and p_act_for is null);
  return e;
end $function$
;

CREATE OR REPLACE FUNCTION api.enter_inbox(p_tenant uuid)
 RETURNS api.entrance
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  e api.entrance;
  org record;
begin
  select tenant_id, slug into org from stowage.organization where tenant_id = p_tenant;
  if org.tenant_id is null then
    e.outcome := 'organization.notFound';
    return e;
  end if;
  e := row('ok', org.tenant_id, org.slug, 'system', null, null, 'editor', 2, '{assets.create}', null)::api.entrance;
  perform api.settle(e.tenant_id, null, e.rank, null, false);
  return e;
end $function$
;

CREATE OR REPLACE FUNCTION api.enter_public(p_asset uuid)
 RETURNS api.entrance
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  e api.entrance;
  found_asset record;
begin
  select a.tenant_id, o.slug into found_asset
    from stowage.asset a join stowage.organization o using (tenant_id)
    where a.id = p_asset and a.visibility = 2;
  if not found then
    e.outcome := 'credential.missing';
    return e;
  end if;
  e := row('ok', found_asset.tenant_id, found_asset.slug, 'public', null, null, 'public', 0, '{assets.read}', null)::api.entrance;
  perform api.settle(e.tenant_id, null, 0, p_asset, false);
  return e;
end $function$
;

CREATE OR REPLACE FUNCTION api.enter_signed(p_tenant uuid, p_asset uuid, p_maker_kind text, p_maker uuid, p_epoch integer)
 RETURNS api.entrance
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  e api.entrance;
  org record;
  r text;
begin
  select tenant_id, slug into org from stowage.organization where tenant_id = p_tenant;
  if p_maker_kind = 'user' then
    select role into r from stowage.member where tenant_id = p_tenant and id = p_maker and removed_at is null;
  else
    select case role when 'platform' then 'owner' else role end into r from stowage.api_key
      where id = p_maker and tenant_id in (p_tenant, '00000000-0000-0000-0000-000000000000')
        and revoked_at is null and (expires_at is null or expires_at > now());
  end if;
  if org.tenant_id is null or r is null or not exists (
    select from stowage.asset where tenant_id = p_tenant and id = p_asset and url_epoch = p_epoch
  ) then
    e.outcome := 'signedUrl.revoked';
    return e;
  end if;
  e := row('ok', org.tenant_id, org.slug, 'link', p_maker, null, r, api.role_rank(r), '{assets.read}', null)::api.entrance;
  perform api.settle(e.tenant_id, p_maker, e.rank, p_asset, false);
  return e;
end $function$
;

CREATE OR REPLACE FUNCTION api.enter_system(p_tenant uuid)
 RETURNS void
 LANGUAGE sql
AS $function$ select api.settle(p_tenant, null, 5, null, false) $function$
;

CREATE OR REPLACE FUNCTION api.enter_token(p_organization text, p_external_id text, p_email text, p_name text, p_role text, p_new_id uuid)
 RETURNS api.entrance
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  e api.entrance;
  org record;
  m record;
begin
  select tenant_id, slug into org from api.find_organization(p_organization);
  if org.tenant_id is null then
    e.outcome := 'organization.notFound';
    return e;
  end if;
  select id, role, removed_at into m from stowage.member where tenant_id = org.tenant_id and external_id = p_external_id;
  if not found and not pg_catalog.current_setting('transaction_read_only')::boolean then
    insert into stowage.member (tenant_id, id, external_id, email, name, role)
      values (org.tenant_id, p_new_id, p_external_id, p_email, p_name, coalesce(p_role, 'viewer'))
      on conflict (tenant_id, external_id) do nothing;
    select id, role, removed_at into m from stowage.member where tenant_id = org.tenant_id and external_id = p_external_id;
  elsif not found then
    e.outcome := 'member.unseen';
    return e;
  end if;
  if m.removed_at is not null then
    e.outcome := 'credential.invalid';
    return e;
  end if;
  -- A role in the token narrows the member's, never widens it.
  e := row('ok', org.tenant_id, org.slug, 'user', m.id, null, m.role, api.role_rank(m.role), null, null)::api.entrance;
  if p_role is not null and api.role_rank(p_role) < e.rank then
    e.rank := api.role_rank(p_role);
    e.role := p_role;
  end if;
  perform api.settle(e.tenant_id, e.principal_id, e.rank, null, false);
  return e;
end $function$
;

CREATE OR REPLACE FUNCTION api.enter_upload(p_tenant uuid, p_upload uuid)
 RETURNS api.entrance
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  e api.entrance;
  org record;
  u record;
  r integer;
begin
  select tenant_id, slug into org from stowage.organization where tenant_id = p_tenant;
  select * into u from stowage.staged_upload where tenant_id = p_tenant and id = p_upload;
  if org.tenant_id is null or u.id is null then
    e.outcome := 'upload.notFound';
    return e;
  end if;
  r := u.rank;
  if u.key_id is not null and not exists (
    select from stowage.api_key where id = u.key_id and tenant_id in (p_tenant, '00000000-0000-0000-0000-000000000000')
      and revoked_at is null and (expires_at is null or expires_at > now())
  ) then
    r := null;
  end if;
  if u.principal_id is distinct from u.key_id then
    select least(r, api.role_rank(role)) into r from stowage.member
      where tenant_id = p_tenant and id = u.principal_id and removed_at is null;
  end if;
  if r is null then
    e.outcome := 'credential.invalid';
    return e;
  end if;
  e := row('ok', org.tenant_id, org.slug, case when u.platform then 'platform' when u.key_id = u.principal_id then 'apiKey' else 'user' end,
    u.principal_id, u.key_id, api.rank_role(r), r,
    array(select a from unnest('{assets.create,assets.edit}'::text[]) a where u.scopes is null or a = any (u.scopes)), null)::api.entrance;
  perform api.settle(e.tenant_id, e.principal_id, e.rank, null, false);
  return e;
end $function$
;

CREATE OR REPLACE FUNCTION api.find_organization(named text, OUT tenant_id uuid, OUT slug text)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
AS $function$
begin
  select o.tenant_id, o.slug into tenant_id, slug from stowage.organization o where o.slug = named;
  if tenant_id is null and named ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    select o.tenant_id, o.slug into tenant_id, slug from stowage.organization o where o.tenant_id = named::uuid;
  end if;
end $function$
;

CREATE OR REPLACE FUNCTION api.finish_staged(p_upload uuid, p_asset uuid, p_attempt integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  update stowage.staged_upload set state = 'done', made_asset_id = p_asset, problem = null, due_at = expires_at
    where tenant_id = api.tenant() and id = p_upload and state = 'completing' and attempts = p_attempt;
  if not found then
    raise exception using errcode = 'SW002', message = 'the staged upload was ended';
  end if;
  perform api.release_staged(p_upload);
end $function$
;

CREATE OR REPLACE FUNCTION api.fold_usage()
 RETURNS void
 LANGUAGE sql
AS $function$
  with gone as (delete from stowage.usage_delta where tenant_id = (select api.tenant()) returning bytes, files, stored_bytes),
    sums as (select coalesce(sum(bytes), 0) as bytes, coalesce(sum(files), 0) as files, coalesce(sum(stored_bytes), 0) as stored_bytes from gone)
  insert into stowage.usage_total as u (tenant_id, bytes, files, stored_bytes)
    select (select api.tenant()), bytes, files, stored_bytes from sums
  on conflict (tenant_id) do update
    set bytes = u.bytes + excluded.bytes, files = u.files + excluded.files, stored_bytes = u.stored_bytes + excluded.stored_bytes
$function$
;

CREATE OR REPLACE FUNCTION api.forget_node(p_node uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  delete from stowage.node where id = p_node
$function$
;

CREATE OR REPLACE FUNCTION api.forget_pack(p_pack uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  delete from stowage.pack where id = p_pack
$function$
;

CREATE OR REPLACE FUNCTION api.hold_staged(p_upload uuid)
 RETURNS void
 LANGUAGE sql
AS $function$
  update stowage.copy set due_at = null
    where tenant_id = (select api.tenant()) and state = 'writing' and id in (
      select copy_id from stowage.staged_part where tenant_id = (select api.tenant()) and upload_id = p_upload
      union all select copy_id from stowage.staged_upload where tenant_id = (select api.tenant()) and id = p_upload)
$function$
;

CREATE OR REPLACE FUNCTION api.judge(p_sha256 bytea, p_scan text, p_reason text, p_finding text, p_signatures text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  t uuid := api.tenant();
begin
  if p_scan = 'infected' and exists (select from stowage.false_positive
      where tenant_id = t and sha256 = p_sha256 and finding = p_finding) then
    p_scan := 'clean';
    p_reason := 'released';
    p_finding := null;
  end if;
  update stowage.object set scan = p_scan, scan_reason = p_reason, finding = p_finding, signatures = p_signatures
    where tenant_id = t and sha256 = p_sha256
      and (p_scan = 'infected' or scan in ('pending', 'error', 'not_scanned') or (scan = 'clean' and p_scan = 'clean'));
  if not found then
    update stowage.object set signatures = p_signatures where tenant_id = t and sha256 = p_sha256;
  end if;
end $function$
;

CREATE OR REPLACE FUNCTION api.let_owner(tables text[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare t text;
begin
  foreach t in array tables loop
    execute format('create policy owner_all on stowage.%I to %I using (true) with check (true)', t, current_user);
  end loop;
end $function$
;

CREATE OR REPLACE FUNCTION api.me()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (NULLIF(current_setting('stowage.me'::text, true), ''::text))::uuid
;

CREATE OR REPLACE FUNCTION api.packed(p_pack uuid, p_limit integer)
 RETURNS TABLE(tenant_id uuid, key text, start bigint, size_bytes bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id, key, pack_start, size_bytes from stowage.chunk where pack_id = p_pack order by pack_start limit p_limit
$function$
;

CREATE OR REPLACE FUNCTION api.packs_in_use(p_packs uuid[])
 RETURNS TABLE(pack_id uuid, used_bytes bigint, emptied_seconds bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select p.id, coalesce((select sum(c.size_bytes) from stowage.chunk c where c.pack_id = p.id), 0)::bigint,
    extract(epoch from now() - p.emptied_at)::bigint
  from stowage.pack p where p.id = any (p_packs)
$function$
;

CREATE OR REPLACE FUNCTION api.place_copy(p_copy uuid, p_source uuid, p_stored bigint, p_envelope bytea, p_encrypted boolean, p_wanted_in text, p_delay interval)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
declare
  t uuid := api.tenant();
  source record;
begin
  select sha256 into source from stowage.copy where tenant_id = t and id = p_source and state = 'live';
  if not found then
    return false;
  end if;
  perform from stowage.object where tenant_id = t and sha256 = source.sha256 for update;
  select * into source from stowage.copy where tenant_id = t and id = p_source and state = 'live' for update;
  if not found then
    return false;
  end if;
  if p_copy is null then
    perform from stowage.copy where tenant_id = t and sha256 = source.sha256 and scope = source.scope and state = 'live'
      and store_id = source.wanted_in and asset_id is null and quarantined = source.quarantined and id <> p_source;
  else
    update stowage.copy
      set state = 'live', sha256 = source.sha256, asset_id = source.asset_id, n = source.n, stored_bytes = p_stored,
        envelope = p_envelope, encrypted = p_encrypted, quarantined = source.quarantined, due_at = null, writable_until = null,
        wanted_in = p_wanted_in, wanted_at = case when p_wanted_in is null then null else now() end
      where tenant_id = t and id = p_copy and state = 'writing' and epoch = 0;
  end if;
  if not found then
    return false;
  end if;
  update stowage.copy set wanted_in = null, wanted_at = null, away = false,
      state = case when source.away then 'releasing' else 'live' end,
      due_at = case when source.away then now() + p_delay end
    where tenant_id = t and id = p_source;
  return true;
end $function$
;

CREATE OR REPLACE FUNCTION api.platform()
 RETURNS boolean
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN COALESCE((NULLIF(current_setting('stowage.platform'::text, true), ''::text))::boolean, false)
;

CREATE OR REPLACE FUNCTION api.rank()
 RETURNS integer
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN COALESCE((NULLIF(current_setting('stowage.rank'::text, true), ''::text))::integer, 0)
;

CREATE OR REPLACE FUNCTION api.rank_role(rank integer)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE rank WHEN 1 THEN 'viewer'::text WHEN 2 THEN 'editor'::text WHEN 3 THEN 'admin'::text WHEN 4 THEN 'owner'::text ELSE NULL::text END
;

CREATE OR REPLACE FUNCTION api.release_copies(p_sha256 bytea, p_scope text, p_delay interval)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  t uuid := api.tenant();
  released integer;
begin
  perform from stowage.object where tenant_id = t and sha256 = p_sha256 for update;

  if not exists (select from stowage.pointer where tenant_id = t and sha256 = p_sha256 and scope = p_scope) then
    update stowage.copy set state = 'releasing', due_at = now() + p_delay
      where tenant_id = t and sha256 = p_sha256 and scope = p_scope and state = 'live';
    get diagnostics released = row_count;
    return released;
  end if;

  -- Copies of one version alone, which points at them no more, while others still point at the same bytes.
  if exists (
    select from stowage.copy
    where tenant_id = t and sha256 = p_sha256 and scope = p_scope and state = 'live' and asset_id is null
  ) or not exists (
    select from stowage.pointer v
    where v.tenant_id = t and v.sha256 = p_sha256 and v.scope = p_scope and not exists (
      select from stowage.copy c
      where c.tenant_id = t and c.sha256 = v.sha256 and c.scope = v.scope and c.state = 'live'
        and c.asset_id = v.asset_id and c.n = v.n)
  ) then
    update stowage.copy c set state = 'releasing', due_at = now() + p_delay
      where c.tenant_id = t and c.sha256 = p_sha256 and c.scope = p_scope and c.state = 'live' and c.asset_id is not null
        and not exists (select from stowage.pointer v
          where v.tenant_id = t and v.sha256 = p_sha256 and v.asset_id = c.asset_id and v.n = c.n);
  else
    update stowage.copy c set asset_id = null, n = null
      where c.tenant_id = t and c.sha256 = p_sha256 and c.scope = p_scope and c.state = 'live' and c.asset_id is not null
        and not exists (select from stowage.pointer v
          where v.tenant_id = t and v.sha256 = p_sha256 and v.asset_id = c.asset_id and v.n = c.n);
    return 0;
  end if;
  get diagnostics released = row_count;
  return released;
end $function$
;

CREATE OR REPLACE FUNCTION api.release_staged(p_upload uuid)
 RETURNS void
 LANGUAGE sql
AS $function$
  delete from stowage.upload where tenant_id = (select api.tenant()) and id = p_upload;
  update stowage.copy set state = 'releasing', due_at = now(), epoch = epoch + 1
    where tenant_id = (select api.tenant()) and state = 'writing' and id in (
      select copy_id from stowage.staged_part where tenant_id = (select api.tenant()) and upload_id = p_upload
      union all select copy_id from stowage.staged_upload where tenant_id = (select api.tenant()) and id = p_upload)
$function$
;

CREATE OR REPLACE FUNCTION api.reserve(p_bytes bigint, p_files integer)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
declare
  t uuid := api.tenant();
  lock_key bigint := hashtextextended(t::text, 4700);
  quota record;
  used record;
begin
  select quota_bytes, quota_files into quota from stowage.organization where tenant_id = t;
  if quota.quota_bytes is null and quota.quota_files is null then
    return true;
  end if;
  select * into used from api.used();
  if used.bytes + 256 * p_bytes <= coalesce(quota.quota_bytes, 9e18) and used.files + 256 * p_files <= coalesce(quota.quota_files, 9e18) then
    perform pg_advisory_xact_lock_shared(lock_key);
    select * into used from api.used();
    if used.bytes + 128 * p_bytes <= coalesce(quota.quota_bytes, 9e18) and used.files + 128 * p_files <= coalesce(quota.quota_files, 9e18) then
      return true;
    end if;
  end if;
  perform pg_advisory_xact_lock(lock_key);
  select * into used from api.used();
  return used.bytes + p_bytes <= coalesce(quota.quota_bytes, 9e18) and used.files + p_files <= coalesce(quota.quota_files, 9e18);
end $function$
;

CREATE OR REPLACE FUNCTION api.role_rank(role text)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE role WHEN 'viewer'::text THEN 1 WHEN 'editor'::text THEN 2 WHEN 'agent'::text THEN 2 WHEN 'admin'::text THEN 3 WHEN 'owner'::text THEN 4 ELSE 0 END
;

CREATE OR REPLACE FUNCTION api.see_node(p_node uuid, p_data uuid, p_seconds integer)
 RETURNS bigint
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  delete from stowage.node where seen_at < now() - make_interval(secs => p_seconds);
  insert into stowage.node (id, data_id) values (p_node, p_data) on conflict (id) do update set seen_at = now();
  select count(*) from stowage.node where data_id <> p_data
$function$
;

CREATE OR REPLACE FUNCTION api.settle(tenant uuid, me uuid, rank integer, asset uuid, platform boolean)
 RETURNS void
 LANGUAGE sql
AS $function$
  select set_config('stowage.tenant', coalesce(tenant::text, ''), true),
    set_config('stowage.me', coalesce(me::text, ''), true),
    set_config('stowage.rank', rank::text, true),
    set_config('stowage.only', coalesce(asset::text, ''), true),
    set_config('stowage.platform', platform::text, true),
    set_config('statement_timeout', '30s', true),
    set_config('idle_in_transaction_session_timeout', '30s', true)
$function$
;

CREATE OR REPLACE FUNCTION api.settle_verdict(p_sha256 bytea, p_store text)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
declare
  t uuid := api.tenant();
  o record;
begin
  select * into o from stowage.object where tenant_id = t and sha256 = p_sha256;
  if not found then
    return false;
  end if;
  update stowage.asset set scan = o.scan, scan_reason = o.scan_reason
    where tenant_id = t and sha256 = p_sha256 and (scan, scan_reason) is distinct from (o.scan, o.scan_reason);
  if o.scan <> 'infected' then
    return false;
  end if;
  update stowage.asset
    set state = case state when 'trashed' then 'trashed' else 'quarantined' end,
      state_before = case state when 'trashed' then 'quarantined' else state::text end
    where tenant_id = t and sha256 = p_sha256 and state <> 'quarantined'
      and not (state = 'trashed' and state_before = 'quarantined');
  update stowage.copy set quarantined = true, wanted_in = p_store, away = true, wanted_at = now()
    where tenant_id = t and sha256 = p_sha256 and state = 'live' and not quarantined;
  return true;
end $function$
;

CREATE OR REPLACE FUNCTION api.staging(OUT unfinished_count bigint, OUT unfinished_bytes numeric, OUT releasing_count bigint, OUT releasing_bytes numeric)
 RETURNS record
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select count(*) filter (where c.state = 'writing'), coalesce(sum(u.reserved_bytes) filter (where c.state = 'writing'), 0),
    count(*) filter (where c.state = 'releasing'), coalesce(sum(c.stored_bytes) filter (where c.state = 'releasing'), 0)
  from stowage.copy c left join stowage.upload u on u.tenant_id = c.tenant_id and u.copy_id = c.id
  where c.state in ('writing', 'releasing')
$function$
;

CREATE OR REPLACE FUNCTION api.stale_verdicts(p_signatures text, p_limit integer)
 RETURNS TABLE(tenant_id uuid, asset_id uuid, n integer)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select distinct o.tenant_id, holder.asset_id, holder.n
  from (
      (select tenant_id, sha256 from stowage.object where not derived and coalesce(signatures, '') < p_signatures limit p_limit)
      union all
      (select tenant_id, sha256 from stowage.object where not derived and coalesce(signatures, '') > p_signatures limit p_limit)
    ) o
    join lateral (
      (select asset_id, n from stowage.version
        where tenant_id = o.tenant_id and sha256 = o.sha256 order by created_at desc limit 1)
      union all
      (select asset_id, n from stowage.variant
        where tenant_id = o.tenant_id and sha256 = o.sha256 and attached order by created_at desc limit 1)
      limit 1
    ) holder on true
  where not exists (select from stowage.step s where s.tenant_id = o.tenant_id and s.asset_id = holder.asset_id
    and s.n = holder.n and s.name = 'scan' and s.state in ('waiting', 'running'))
  limit p_limit
$function$
;

CREATE OR REPLACE FUNCTION api.tenant()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (NULLIF(current_setting('stowage.tenant'::text, true), ''::text))::uuid
;

CREATE OR REPLACE FUNCTION api.tenant_of_slug(p_slug text)
 RETURNS uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id from stowage.organization where slug = p_slug
$function$
;

CREATE OR REPLACE FUNCTION api.unfolded_tenants()
 RETURNS SETOF uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id from stowage.organization o
  where exists (select from stowage.usage_delta d where d.tenant_id = o.tenant_id)
$function$
;

CREATE OR REPLACE FUNCTION api.unsealed_tenants()
 RETURNS SETOF uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id from stowage.organization o
  where exists (select from stowage.audit_event e where e.tenant_id = o.tenant_id and e.batch is null)
$function$
;

CREATE OR REPLACE FUNCTION api.used(OUT bytes numeric, OUT files bigint)
 RETURNS record
 LANGUAGE sql
 STABLE
AS $function$
  select
    coalesce((select u.bytes from stowage.usage_total u where tenant_id = (select api.tenant())), 0)
      + coalesce((select sum(d.bytes) from stowage.usage_delta d where tenant_id = (select api.tenant())), 0)
      + coalesce((select sum(u.reserved_bytes) from stowage.upload u where tenant_id = (select api.tenant())), 0),
    coalesce((select u.files from stowage.usage_total u where tenant_id = (select api.tenant())), 0)
      + coalesce((select sum(d.files) from stowage.usage_delta d where tenant_id = (select api.tenant())), 0)
      + coalesce((select sum(u.reserved_files) from stowage.upload u where tenant_id = (select api.tenant())), 0)
$function$
;

CREATE OR REPLACE FUNCTION api.wanted_copies(p_limit integer)
 RETURNS TABLE(tenant_id uuid, id uuid, wanted_in text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select tenant_id, id, wanted_in from stowage.copy
  where wanted_in is not null and state = 'live' and wanted_at <= now() order by wanted_at limit p_limit
$function$
;

CREATE OR REPLACE FUNCTION stowage.asset_level()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if (new.owner_id is null) <> (new.owner_kind is null) or (new.state = 'trashed') <> (new.trashed_at is not null)
    or new.state_before = 'trashed' then
    raise check_violation using message = 'an owner has a kind, the trash a time, and what lay there another state before';
  end if;
  if tg_op = 'UPDATE' and api.rank() < 3 then
    if (new.visibility, new.owner_id, new.state, new.purge_after, new.expires_at, new.url_epoch)
        is distinct from (old.visibility, old.owner_id, old.state, old.purge_after, old.expires_at, old.url_epoch)
      and old.owner_id is distinct from api.me() then
      raise insufficient_privilege using message = 'the asset is not yours to manage';
    end if;
    if new.owner_id is distinct from old.owner_id then
      raise insufficient_privilege using message = 'an owner does not give an asset away';
    end if;
  end if;
  if new.visibility = 2 and (tg_op = 'INSERT' or old.visibility <> 2) and not stowage.may_publish(new.asset_type) then
    raise insufficient_privilege using message = 'this asset is not yours to publish';
  end if;
  return new;
end $function$
;

CREATE OR REPLACE FUNCTION stowage.forget(asset stowage.asset)
 RETURNS void
 LANGUAGE sql
AS $function$
  insert into stowage.cdn_purge (tenant_id, asset_id, last_n, url_epoch, due_at)
    select (asset).tenant_id, (asset).id, (asset).last_n, (asset).url_epoch, now() + make_interval(mins => later)
    from unnest(array[0, 10]) later
    where (asset).visibility = 2 or exists (
      select from stowage.signed_url u
      where u.tenant_id = (asset).tenant_id and u.asset_id = (asset).id and u.max_uses is null and u.expires_at > now())
$function$
;

CREATE OR REPLACE FUNCTION stowage.forget_changed_asset()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform stowage.forget(old);
  return null;
end $function$
;

CREATE OR REPLACE FUNCTION stowage.forget_removed_versions()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform stowage.forget(a) from stowage.asset a
    where (a.tenant_id, a.id) in (select tenant_id, asset_id from removed);
  return null;
end $function$
;

CREATE OR REPLACE FUNCTION stowage.forget_unaccepted()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform stowage.forget(a) from stowage.asset a where a.tenant_id = new.tenant_id and a.visibility = 2;
  return null;
end $function$
;

CREATE OR REPLACE FUNCTION stowage.forget_unreadable()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform stowage.forget(a) from stowage.asset a
    where a.tenant_id = new.tenant_id and a.id in (
      select v.asset_id from stowage.version v where v.tenant_id = new.tenant_id and v.sha256 = new.sha256);
  return null;
end $function$
;

CREATE OR REPLACE FUNCTION stowage.leave_quarantine()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  update stowage.quarantine_entry set state = 'purged', ended_at = now()
    where tenant_id = old.tenant_id and sha256 = old.sha256 and state = 'held';
  return null;
end $function$
;

CREATE OR REPLACE FUNCTION stowage.may_publish(asset_type text)
 RETURNS boolean
 LANGUAGE sql
 STABLE
RETURN ((api.rank() >= 3) OR ((api.rank() = 2) AND COALESCE((SELECT ((t.rules ->> 'membersMayPublish'::text))::boolean AS bool FROM stowage.asset_type t WHERE ((t.tenant_id = api.tenant()) AND (t.name = may_publish.asset_type))), false)))
;

-- Triggers

CREATE TRIGGER asset_level BEFORE INSERT OR UPDATE ON stowage.asset FOR EACH ROW EXECUTE FUNCTION stowage.asset_level();

CREATE TRIGGER forget_changed AFTER UPDATE ON stowage.asset FOR EACH ROW WHEN (((((((old.visibility)::smallint IS DISTINCT FROM (new.visibility)::smallint) OR ((old.state)::text IS DISTINCT FROM (new.state)::text)) OR (old.current_n IS DISTINCT FROM new.current_n)) OR ((old.scan)::text IS DISTINCT FROM (new.scan)::text)) OR (old.url_epoch IS DISTINCT FROM new.url_epoch))) EXECUTE FUNCTION stowage.forget_changed_asset();

CREATE TRIGGER forget_removed AFTER DELETE ON stowage.asset FOR EACH ROW EXECUTE FUNCTION stowage.forget_changed_asset();

CREATE TRIGGER forget_removed AFTER DELETE ON stowage.version REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stowage.forget_removed_versions();

CREATE TRIGGER forget_unaccepted AFTER UPDATE OF readable_unscanned ON stowage.organization FOR EACH ROW WHEN ((old.readable_unscanned IS DISTINCT FROM new.readable_unscanned)) EXECUTE FUNCTION stowage.forget_unaccepted();

CREATE TRIGGER forget_unreadable AFTER UPDATE OF scan ON stowage.object FOR EACH ROW WHEN ((((old.scan)::text = ANY (ARRAY['clean'::text, 'not_scanned'::text])) AND ((new.scan)::text IS DISTINCT FROM (old.scan)::text))) EXECUTE FUNCTION stowage.forget_unreadable();

CREATE TRIGGER leave_quarantine AFTER DELETE ON stowage.object FOR EACH ROW WHEN (((old.scan)::text = 'infected'::text)) EXECUTE FUNCTION stowage.leave_quarantine();

-- Grants on schemas

GRANT USAGE ON SCHEMA api TO stowage_app;

GRANT USAGE ON SCHEMA api TO stowage_sweep;

GRANT USAGE ON SCHEMA public TO PUBLIC;

GRANT USAGE ON SCHEMA stowage TO stowage_app;

GRANT USAGE ON SCHEMA stowage TO stowage_sweep;

-- Grants on tables

GRANT DELETE, INSERT, SELECT ON TABLE stowage.audit_batch TO stowage_app;

GRANT DELETE, INSERT, SELECT ON TABLE stowage.audit_event TO stowage_app;

GRANT DELETE, INSERT, SELECT ON TABLE stowage.audit_person TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.api_key TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.asset TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.asset_access TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.asset_tag TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.asset_type TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.cdn_purge TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.chunk TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.copy TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.false_positive TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.idempotency TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.incident TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.member TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.object TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.organization TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.placement TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.platform_secret TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.quarantine_entry TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.scope_key TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.signed_url TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.staged_part TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.staged_upload TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.step TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.store_event TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.team TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.team_member TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.upload TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.usage_delta TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.usage_total TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.variant TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.version TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.version_facts TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.version_finding TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.version_rows TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.version_sheet TO stowage_app;

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE stowage.version_text TO stowage_app;

GRANT DELETE, INSERT, UPDATE ON TABLE stowage.credential TO stowage_app;

GRANT INSERT, SELECT, UPDATE ON TABLE stowage.guard TO stowage_app;

GRANT SELECT ON TABLE stowage.pointer TO stowage_app;

-- Grants on columns

GRANT SELECT (expires_at, key_id, tenant_id) ON TABLE stowage.credential TO stowage_app;

GRANT UPDATE (batch) ON TABLE stowage.audit_event TO stowage_app;

-- Grants on functions

GRANT EXECUTE ON ROUTINE api."only"() TO stowage_app;

GRANT EXECUTE ON ROUTINE api.all_tenants() TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.away_from_home(OUT away_count bigint, OUT away_bytes numeric, OUT single_count bigint, OUT single_bytes numeric) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.begin_pack(p_pack uuid) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.commit_copy(p_copy uuid, p_sha256 bytea, p_size bigint, p_scan text, p_scan_reason text, p_finding text, p_signatures text, p_scope text, p_placement uuid, p_store text, p_key text, p_encrypted boolean, p_stored bigint, p_envelope bytea, p_epoch integer, p_asset uuid, p_n integer, p_bytes bytea, p_pack uuid, p_start bigint, p_usage uuid, p_files integer) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.commit_upload(p_copy uuid, p_sha256 bytea, p_size bigint, p_scan text, p_scan_reason text, p_finding text, p_signatures text, p_scope text, p_placement uuid, p_store text, p_key text, p_encrypted boolean, p_stored bigint, p_envelope bytea, p_asset uuid, p_n integer, p_bytes bytea, p_pack uuid, p_start bigint, p_usage uuid, p_files integer, p_share_bytes bigint, p_share_files integer) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.commit_variant(p_asset uuid, p_n integer, p_name text, p_suffix text, p_attached boolean, p_recipe text, p_media_type text, p_width integer, p_height integer, p_copy uuid, p_sha256 bytea, p_size bigint, p_scan text, p_scan_reason text, p_signatures text, p_scope text, p_placement uuid, p_store text, p_key text, p_encrypted boolean, p_stored bigint, p_envelope bytea, p_bound boolean, p_bytes bytea, p_usage uuid) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.copies_at(p_store text, p_key text) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.count_incidents() TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.count_steps() TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.due_assets(p_limit integer) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.due_copies(p_limit integer) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.due_inbox(p_limit integer) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.due_purges(p_limit integer) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.due_scrubs(p_limit integer) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.due_staged_uploads(p_limit integer) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.due_steps(p_limit integer, p_without text[]) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.empty_pack(p_pack uuid) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.end_inbox(p_store text, p_key text, p_claim integer, p_asset uuid, p_bytes bigint, p_modified timestamp with time zone) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.enter(p_hash bytea, p_organization text, p_act_for text) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.enter_inbox(p_tenant uuid) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.enter_public(p_asset uuid) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.enter_signed(p_tenant uuid, p_asset uuid, p_maker_kind text, p_maker uuid, p_epoch integer) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.enter_system(p_tenant uuid) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.enter_token(p_organization text, p_external_id text, p_email text, p_name text, p_role text, p_new_id uuid) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.enter_upload(p_tenant uuid, p_upload uuid) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.finish_staged(p_upload uuid, p_asset uuid, p_attempt integer) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.fold_usage() TO stowage_app;

GRANT EXECUTE ON ROUTINE api.forget_node(p_node uuid) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.forget_pack(p_pack uuid) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.hold_staged(p_upload uuid) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.judge(p_sha256 bytea, p_scan text, p_reason text, p_finding text, p_signatures text) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.me() TO stowage_app;

GRANT EXECUTE ON ROUTINE api.packed(p_pack uuid, p_limit integer) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.packs_in_use(p_packs uuid[]) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.place_copy(p_copy uuid, p_source uuid, p_stored bigint, p_envelope bytea, p_encrypted boolean, p_wanted_in text, p_delay interval) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.platform() TO stowage_app;

GRANT EXECUTE ON ROUTINE api.rank() TO stowage_app;

GRANT EXECUTE ON ROUTINE api.rank_role(rank integer) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.release_copies(p_sha256 bytea, p_scope text, p_delay interval) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.release_staged(p_upload uuid) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.reserve(p_bytes bigint, p_files integer) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.role_rank(role text) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.see_node(p_node uuid, p_data uuid, p_seconds integer) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.settle(tenant uuid, me uuid, rank integer, asset uuid, platform boolean) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.settle_verdict(p_sha256 bytea, p_store text) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.staging(OUT unfinished_count bigint, OUT unfinished_bytes numeric, OUT releasing_count bigint, OUT releasing_bytes numeric) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.stale_verdicts(p_signatures text, p_limit integer) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.tenant() TO stowage_app;

GRANT EXECUTE ON ROUTINE api.tenant_of_slug(p_slug text) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.unfolded_tenants() TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.unsealed_tenants() TO stowage_sweep;

GRANT EXECUTE ON ROUTINE api.used(OUT bytes numeric, OUT files bigint) TO stowage_app;

GRANT EXECUTE ON ROUTINE api.wanted_copies(p_limit integer) TO stowage_sweep;

GRANT EXECUTE ON ROUTINE stowage.asset_level() TO PUBLIC;

GRANT EXECUTE ON ROUTINE stowage.forget(asset stowage.asset) TO PUBLIC;

GRANT EXECUTE ON ROUTINE stowage.forget_changed_asset() TO PUBLIC;

GRANT EXECUTE ON ROUTINE stowage.forget_removed_versions() TO PUBLIC;

GRANT EXECUTE ON ROUTINE stowage.forget_unaccepted() TO PUBLIC;

GRANT EXECUTE ON ROUTINE stowage.forget_unreadable() TO PUBLIC;

GRANT EXECUTE ON ROUTINE stowage.leave_quarantine() TO PUBLIC;

GRANT EXECUTE ON ROUTINE stowage.may_publish(asset_type text) TO PUBLIC;
