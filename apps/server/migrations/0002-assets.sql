-- organization → asset → version → object → copy → store

-- What a column may hold is said by its type, not by a CHECK, in the tables that every upload writes to: a CHECK is
-- parsed and prepared anew by each statement, at nearly the cost of the insert itself.
create domain stowage.asset_name as text check (length(value) between 1 and 255);
create domain stowage.asset_state as text check (value in ('active', 'archived', 'quarantined', 'trashed'));
create domain stowage.expiry_action as text check (value in ('trash', 'purge'));
create domain stowage.classification as text check (value in ('public', 'internal', 'confidential', 'restricted'));
create domain stowage.visibility as smallint check (value between 0 and 2);
create domain stowage.principal_kind as text check (value in ('user', 'apiKey'));
create domain stowage.sha256_digest as bytea check (length(value) = 32);
create domain stowage.size_bytes as bigint check (value >= 0);
create domain stowage.scan_status as text check (value in ('pending', 'clean', 'infected', 'not_scanned', 'error'));
create domain stowage.version_number as integer check (value > 0);
create domain stowage.copy_state as text check (value in ('writing', 'live', 'releasing', 'gone'));

create table stowage.asset (
  tenant_id uuid not null,
  id uuid not null,
  name stowage.asset_name not null,
  asset_type text not null,
  owner_id uuid,
  owner_kind stowage.principal_kind,
  visibility stowage.visibility not null,
  state stowage.asset_state not null default 'active',
  state_before stowage.asset_state,
  trashed_at timestamptz(3),
  purge_after timestamptz(3),
  expires_at timestamptz(3),
  expiry_action stowage.expiry_action not null default 'trash',
  url_epoch integer not null default 0,
  -- What the current version is, kept here so that a list reads one table.
  current_n integer not null,
  -- The highest version number handed out; a number is never used twice.
  last_n integer not null,
  media_type text not null,
  size_bytes stowage.size_bytes not null,
  sha256 stowage.sha256_digest not null,
  scan stowage.scan_status not null,
  scan_reason text,
  folder text,
  project_id text,
  scan_result_id text,
  call_id text,
  session_id text,
  category text,
  classification stowage.classification,
  metadata jsonb not null default '{}',
  tags text[] not null default '{}',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, id)
);
create index on stowage.asset (tenant_id, created_at desc, id desc);
create index on stowage.asset (tenant_id, owner_id, created_at desc, id desc);
create index on stowage.asset (tenant_id, asset_type, created_at desc, id desc);
create index on stowage.asset (tenant_id, project_id, created_at desc) where project_id is not null;
create index on stowage.asset (tenant_id, call_id, created_at desc) where call_id is not null;
create index on stowage.asset (tenant_id, folder, created_at desc) where folder is not null;
create index on stowage.asset (purge_after) where purge_after is not null;
create index on stowage.asset (expires_at) where expires_at is not null;

-- Tags as rows, because an array's operators are not leakproof and would be run after the policy on every asset.
create table stowage.asset_tag (
  tenant_id uuid not null,
  asset_id uuid not null,
  tag text not null check (length(tag) between 1 and 64),
  primary key (tenant_id, asset_id, tag),
  foreign key (tenant_id, asset_id) references stowage.asset on delete cascade
);
create index on stowage.asset_tag (tenant_id, tag, asset_id);

create table stowage.object (
  tenant_id uuid not null,
  sha256 stowage.sha256_digest not null,
  size_bytes stowage.size_bytes not null,
  scan stowage.scan_status not null,
  scan_reason text,
  finding text,
  -- What the scanner knew when it gave its verdict; null where none was asked.
  signatures text,
  -- Only variants have these bytes, and they were drawn here: nobody looks for harm in them.
  derived boolean not null default false,
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, sha256)
);
-- Finds what was never scanned, or by a scanner that knew other things.
create index on stowage.object (coalesce(signatures, '')) where not derived;

create table stowage.version (
  tenant_id uuid not null,
  asset_id uuid not null,
  n stowage.version_number not null,
  sha256 stowage.sha256_digest not null,
  scope text not null,
  size_bytes stowage.size_bytes not null,
  media_type text not null,
  charset text,
  name text not null,
  created_by uuid,
  created_by_kind stowage.principal_kind,
  made_from integer,
  created_at timestamptz(3) not null,
  primary key (tenant_id, asset_id, n),
  foreign key (tenant_id, asset_id) references stowage.asset,
  foreign key (tenant_id, sha256) references stowage.object
);
create index on stowage.version (tenant_id, sha256, scope);

-- Where an organization's new copies go. A reader takes the live copy of lowest rank.
create table stowage.placement (
  tenant_id uuid not null,
  id uuid not null,
  store_id text not null,
  layout text not null,
  scope_kind text not null check (scope_kind in ('organization', 'user')),
  rank integer not null,
  primary key (tenant_id, id),
  unique (tenant_id, store_id, layout, scope_kind)
);

-- The key under which the data keys of one scope's copies are wrapped, itself wrapped by the master key.
create table stowage.scope_key (
  tenant_id uuid not null,
  scope text not null,
  id uuid not null,
  wrapped bytea not null,
  master_id text not null,
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, scope)
);
create index on stowage.scope_key (master_id);

create table stowage.copy (
  tenant_id uuid not null,
  id uuid not null,
  sha256 stowage.sha256_digest,
  scope text not null,
  placement_id uuid not null,
  store_id text not null,
  key text not null,
  state stowage.copy_state not null,
  -- The one version a copy belongs to under a per-version layout; null where copies are shared.
  asset_id uuid,
  n integer,
  envelope bytea,
  encrypted boolean not null default false,
  stored_bytes bigint,
  storage_class text not null default 'STANDARD',
  -- The prefix that its layout promises: what credentials that are narrowed to it reach.
  isolation text,
  epoch integer not null default 0,
  writable_until timestamptz(3),
  due_at timestamptz(3),
  -- It lies, or is to lie, out of reach, because its bytes were found to be harmful.
  quarantined boolean not null default false,
  -- A store that is to have these bytes too: beside this copy, or instead of it when it lies away from home.
  wanted_in text,
  away boolean not null default false,
  wanted_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, sha256) references stowage.object,
  check (state <> 'live' or sha256 is not null)
);
create index on stowage.copy (tenant_id, sha256, scope) where state = 'live';
-- A key is free again only when nobody can write to it any more.
-- By store and key first, because a store that tells of a key knows no organization.
create unique index on stowage.copy (store_id, key, tenant_id) where state <> 'gone';
create index on stowage.copy (due_at) where state in ('writing', 'releasing');
create index on stowage.copy (wanted_at) where wanted_in is not null and state = 'live';

-- What the `database` store keeps. The row of a key with the nil put and number 0 is its object: it holds the bytes, or
-- names the put whose chunks 1, 2, … hold them, or the pack and the place in it where they lie on local disk. Chunks that
-- no such row names are unfinished.
create table stowage.chunk (
  tenant_id uuid not null,
  key text collate "C" not null,
  put_id uuid not null default '00000000-0000-0000-0000-000000000000',
  n integer not null default 0,
  bytes bytea not null,
  chunks_of uuid,
  pack_id uuid,
  pack_start bigint,
  -- Of an object in chunks or in a pack.
  size_bytes bigint,
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, key, put_id, n)
);
-- To find what still lies in a pack.
create index chunk_pack on stowage.chunk (pack_id) where pack_id is not null;
-- The bytes are encrypted: trying to compress them only costs time.
alter table stowage.chunk alter column bytes set storage external;

-- Every pack there is on somebody's disk, written down before it is made: one that is not here is never removed, for it may
-- belong to a later state of this database.
create table stowage.pack (
  id uuid primary key,
  -- Since when it was seen that nothing points into it any more.
  emptied_at timestamptz(3),
  created_at timestamptz(3) not null default now()
);

create function api.begin_pack(p_pack uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  insert into stowage.pack (id) values (p_pack)
$$;

-- What a running upload has reserved of the quota. One that is staged has no copy of its own to write.
create table stowage.upload (
  tenant_id uuid not null,
  id uuid not null,
  copy_id uuid,
  asset_id uuid,
  principal_id uuid not null,
  reserved_bytes bigint not null,
  reserved_files integer not null,
  created_at timestamptz(3) not null default now(),
  lease_until timestamptz(3) not null,
  primary key (tenant_id, id)
);
create index on stowage.upload (tenant_id, copy_id);

-- An upload whose bytes arrive before its last request: straight to a store, in parts, or resumably. They lie in copies
-- of their own, in 'writing', until the upload is finished and a version is made of them.
create table stowage.staged_upload (
  tenant_id uuid not null,
  id uuid not null,
  strategy text not null check (strategy in ('single-put', 'post-policy', 'multipart', 'resumable')),
  state text not null default 'open' check (state in ('open', 'completing', 'done', 'failed')),
  -- Who began it, with what rights: it is finished with what they still have of them, never with more.
  principal_id uuid not null,
  key_id uuid,
  platform boolean not null,
  rank integer not null,
  scopes text[],
  fields jsonb not null,
  asset_id uuid,
  -- Null while a resumable upload has not said.
  size_bytes bigint,
  media_type text,
  part_bytes bigint,
  store_id text not null,
  scope text not null,
  -- Below it lie the staged bytes.
  prefix text not null,
  -- The staged copy of an upload straight to a store, and the store's own name for its parts.
  copy_id uuid,
  reference text,
  made_asset_id uuid,
  problem jsonb,
  -- Who is sending now, and until when nobody else may.
  writer uuid,
  writer_until timestamptz(3),
  -- Another request waits for the writer to end.
  writer_asked boolean not null default false,
  -- Upload-Metadata as a tus client said it, which is told it again.
  tus_metadata text,
  attempts integer not null default 0,
  due_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, id)
);
create index on stowage.staged_upload (due_at);

create table stowage.staged_part (
  tenant_id uuid not null,
  upload_id uuid not null,
  number integer not null,
  copy_id uuid not null,
  offset_bytes bigint not null,
  size_bytes bigint not null,
  etag text not null,
  primary key (tenant_id, upload_id, number),
  foreign key (tenant_id, upload_id) references stowage.staged_upload on delete cascade
);

-- Inserted, never updated, by requests; folded into usage_total by a job.
create table stowage.usage_delta (
  tenant_id uuid not null,
  id uuid not null,
  bytes bigint not null,
  files integer not null,
  stored_bytes bigint not null default 0,
  at timestamptz(3) not null default now(),
  primary key (tenant_id, id)
);
create table stowage.usage_total (
  tenant_id uuid primary key,
  bytes bigint not null default 0,
  files bigint not null default 0,
  stored_bytes bigint not null default 0
);

-- Counters and last access, flushed in batches; no foreign key, so that a purge never waits for a reader.
create table stowage.asset_access (
  tenant_id uuid not null,
  asset_id uuid not null,
  downloads bigint not null,
  last_at timestamptz(3) not null,
  primary key (tenant_id, asset_id)
);

-- Signed URLs that must be counted, and those by which a CDN keeps what it was given (`max_uses` is null). The others
-- need no row.
create table stowage.signed_url (
  tenant_id uuid not null,
  id uuid not null,
  asset_id uuid not null,
  uses integer not null default 0,
  max_uses integer check (max_uses > 0),
  expires_at timestamptz(3) not null,
  primary key (tenant_id, id)
);
create index on stowage.signed_url (expires_at);
create index on stowage.signed_url (tenant_id, asset_id);

-- The queue of the pipeline: a job is its row (R7).
create table stowage.step (
  tenant_id uuid not null,
  asset_id uuid not null,
  n integer not null,
  name text not null,
  -- running: somebody has it in hand until due_at, and then anybody may.
  state text not null check (state in ('waiting', 'running', 'done', 'skipped', 'dead')),
  -- Lower goes first: 0 a file sent in a call, 1 somebody waits for it, 2 in a batch.
  priority smallint not null default 1,
  -- Counts up each time that somebody takes it in hand; only the last one may end it.
  attempts integer not null default 0,
  -- Attempts that failed for a reason that does not pass by itself.
  failures integer not null default 0,
  due_at timestamptz(3) not null default now(),
  -- Why it failed the last time, or was skipped.
  reason text,
  -- Of the last attempt.
  duration_ms integer,
  updated_at timestamptz(3) not null default now(),
  primary key (tenant_id, asset_id, n, name)
);
create index on stowage.step (priority, due_at) where state in ('waiting', 'running');

do $$
declare t text;
begin
  foreach t in array array['asset', 'asset_tag', 'object', 'version', 'placement', 'scope_key', 'copy', 'chunk', 'upload', 'staged_upload', 'staged_part', 'usage_delta', 'usage_total', 'asset_access', 'signed_url', 'step'] loop
    execute format('alter table stowage.%I enable row level security', t);
    execute format('alter table stowage.%I force row level security', t);
  end loop;
  -- Reached through an asset, so the tenant is all that their policy says (R8).
  foreach t in array array['object', 'version', 'placement', 'scope_key', 'copy', 'chunk', 'upload', 'staged_part', 'usage_delta', 'usage_total', 'asset_access', 'signed_url', 'step'] loop
    execute format('create policy tenant on stowage.%I to stowage_app using (tenant_id = (select api.tenant()))', t);
  end loop;
end $$;
select api.let_owner(array['asset', 'asset_tag', 'object', 'version', 'placement', 'scope_key', 'copy', 'chunk', 'upload', 'staged_upload', 'staged_part', 'usage_delta', 'usage_total', 'asset_access', 'signed_url', 'step']);

-- Tests of the caller stand inside their sub-selects: the planner then knows that they are settled once and true for
-- most rows, and reads an index; outside, it takes them for rare and reads the whole organization.
-- Who sees an asset: its owner, everybody in the organization unless it is private, admins and owners always.
-- A link sees its one asset; the public sees that asset if it is public.
create policy read on stowage.asset for select to stowage_app
  using (tenant_id = (select api.tenant())
    and ((select api.only() is null) or id = (select api.only()))
    and (owner_id = (select api.me())
      or (visibility > 0 and (select api.rank() >= 1))
      or (visibility = 2 and (select api.only() is not null))
      or (select api.rank() >= 3)));
-- Nobody makes an asset in somebody else's name, unless an admin does.
create policy add on stowage.asset for insert to stowage_app
  with check (tenant_id = (select api.tenant()) and (select api.only() is null)
    and (select api.rank() >= 2)
    and (owner_id is null or owner_id = (select api.me()) or (select api.rank() >= 3)));
-- Editors change what the organization sees and what they own; asset_level (below) keeps them from managing the former.
create policy change on stowage.asset for update to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.only() is null)
    and ((select api.rank() >= 3)
      or ((select api.rank() >= 2) and (owner_id = (select api.me()) or visibility > 0))))
  with check (tenant_id = (select api.tenant()));
create policy remove on stowage.asset for delete to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.only() is null)
    and ((select api.rank() >= 3) or ((select api.rank() >= 2) and owner_id = (select api.me()))));

-- An upload under way is its maker's, and the admins'.
create policy mine on stowage.staged_upload to stowage_app
  using (tenant_id = (select api.tenant()) and (principal_id = (select api.me()) or (select api.rank() >= 3)));

-- Public is the admins' to set, and the members' where the asset type's rules say so.
create function stowage.may_publish(asset_type text) returns boolean language sql stable
  return api.rank() >= 3 or (api.rank() = 2 and coalesce((
    select (t.rules ->> 'membersMayPublish')::boolean from stowage.asset_type t
    where t.tenant_id = api.tenant() and t.name = asset_type), false));

-- Backs the policies with the level that a change asks for: visibility, state, expiry and links are the owner's and
-- the admins' alone, whoever else may edit.
create function stowage.asset_level() returns trigger language plpgsql as $$
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
end $$;
create trigger asset_level before insert or update on stowage.asset for each row execute function stowage.asset_level();

create policy read on stowage.asset_tag for select to stowage_app using (tenant_id = (select api.tenant()));
create policy write on stowage.asset_tag to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 2));

grant select, insert, update, delete on stowage.asset, stowage.asset_tag, stowage.object, stowage.version, stowage.placement,
  stowage.scope_key, stowage.copy, stowage.chunk, stowage.upload, stowage.staged_upload, stowage.staged_part, stowage.usage_delta, stowage.usage_total,
  stowage.asset_access, stowage.signed_url, stowage.step to stowage_app;
