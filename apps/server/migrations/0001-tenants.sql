-- Who is asking, and on behalf of which organization. Each transaction begins with one of the functions in
-- 0004-enter.sql, which fill these settings; the policies below and in later files read nothing else.

create schema if not exists stowage;
create schema if not exists api;
grant usage on schema stowage, api to stowage_app, stowage_sweep;

-- A local setting that was set once in a connection reads as '' afterwards, never as NULL: hence nullif.
create function api.tenant() returns uuid language sql stable parallel safe
  return nullif(current_setting('stowage.tenant', true), '')::uuid;
create function api.me() returns uuid language sql stable parallel safe
  return nullif(current_setting('stowage.me', true), '')::uuid;
-- 0 public, 1 viewer, 2 editor, 3 admin, 4 owner, 5 the service itself
create function api.rank() returns integer language sql stable parallel safe
  return coalesce(nullif(current_setting('stowage.rank', true), '')::integer, 0);
-- A link narrows its maker to one asset.
create function api.only() returns uuid language sql stable parallel safe
  return nullif(current_setting('stowage.only', true), '')::uuid;
create function api.platform() returns boolean language sql stable parallel safe
  return coalesce(nullif(current_setting('stowage.platform', true), '')::boolean, false);

create function api.role_rank(role text) returns integer language sql immutable parallel safe
  return case role when 'viewer' then 1 when 'editor' then 2 when 'agent' then 2 when 'admin' then 3 when 'owner' then 4 else 0 end;
create function api.rank_role(rank integer) returns text language sql immutable parallel safe
  return case rank when 1 then 'viewer' when 2 then 'editor' when 3 then 'admin' when 4 then 'owner' end;

create table stowage.organization (
  tenant_id uuid primary key,
  slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  name text not null check (length(name) between 1 and 255),
  default_visibility smallint not null default 1 check (default_visibility between 0 and 1),
  readable_unscanned text[] not null default '{noScanner}',
  -- By their names: the pictures that it has made of its files, beside the usual ones.
  image_sizes jsonb not null default '{}',
  max_size_bytes bigint check (max_size_bytes > 0),
  quota_bytes bigint check (quota_bytes >= 0),
  quota_files bigint check (quota_files >= 0),
  keep_versions integer check (keep_versions > 0),
  -- Where its new bytes go, and where a second copy of them; null for what the installation says.
  store_id text,
  second_store_id text,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);

-- Rows that serialise rare decisions of one organization: `hold` (R11) and `quota` (R6).
create table stowage.guard (
  tenant_id uuid not null,
  name text not null check (name in ('hold', 'quota')),
  primary key (tenant_id, name)
);

create table stowage.member (
  tenant_id uuid not null references stowage.organization,
  id uuid not null,
  external_id text,
  email text,
  name text,
  role text not null check (role in ('owner', 'admin', 'editor', 'viewer')),
  created_at timestamptz(3) not null default now(),
  removed_at timestamptz(3),
  primary key (tenant_id, id),
  unique (tenant_id, external_id)
);

create table stowage.team (
  tenant_id uuid not null references stowage.organization,
  id uuid not null,
  name text not null check (length(name) between 1 and 255),
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, name)
);

create table stowage.team_member (
  tenant_id uuid not null,
  team_id uuid not null,
  member_id uuid not null,
  primary key (tenant_id, team_id, member_id),
  foreign key (tenant_id, team_id) references stowage.team on delete cascade,
  foreign key (tenant_id, member_id) references stowage.member on delete cascade
);

-- Rules that an organization adds or puts in place of a built-in type's.
create table stowage.asset_type (
  tenant_id uuid not null references stowage.organization,
  name text not null check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
  rules jsonb not null,
  updated_at timestamptz(3) not null default now(),
  primary key (tenant_id, name)
);

-- tenant_id is the nil id for platform keys.
create table stowage.api_key (
  tenant_id uuid not null,
  id uuid not null,
  name text not null check (length(name) between 1 and 255),
  role text not null check (role in ('owner', 'admin', 'editor', 'viewer', 'agent', 'platform')),
  member_id uuid,
  -- The rank of its maker: acting for somebody higher, an agent still may no more than who made it.
  ceiling integer not null default 4 check (ceiling between 1 and 4),
  scopes text[],
  prefix text not null,
  requests_per_minute integer check (requests_per_minute > 0),
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3),
  revoked_at timestamptz(3),
  primary key (tenant_id, id)
);

-- The secrets of a key: one, or two while a rotation overlaps. Looked up before the tenant is known, so only
-- api.enter reads it.
create table stowage.credential (
  hash bytea primary key check (length(hash) = 32),
  tenant_id uuid not null,
  key_id uuid not null,
  expires_at timestamptz(3),
  foreign key (tenant_id, key_id) references stowage.api_key on delete cascade
);
create index on stowage.credential (tenant_id, key_id);

-- Answers kept for a repeated Idempotency-Key. `answer` is null while the first request runs.
create table stowage.idempotency (
  tenant_id uuid not null,
  principal_id uuid not null,
  key text not null check (length(key) between 1 and 255),
  request_hash bytea not null,
  answer jsonb,
  status integer,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null,
  primary key (tenant_id, principal_id, key)
);
create index on stowage.idempotency (expires_at);

-- Keys of the service itself (URL signing, audit signing), each wrapped by the master key.
create table stowage.platform_secret (
  kind text not null check (kind in ('urlSigning', 'auditSigning')),
  id text not null,
  wrapped bytea not null,
  master_id text not null,
  public_part bytea,
  created_at timestamptz(3) not null default now(),
  retired_at timestamptz(3),
  primary key (kind, id)
);

-- The processes that serve, by the data folder that each of them works in.
create table stowage.node (
  id uuid primary key,
  data_id uuid not null,
  seen_at timestamptz(3) not null default now()
);

do $$
declare t text;
begin
  foreach t in array array['organization', 'guard', 'member', 'team', 'team_member', 'asset_type', 'api_key', 'credential', 'idempotency', 'platform_secret', 'node'] loop
    execute format('alter table stowage.%I enable row level security', t);
    execute format('alter table stowage.%I force row level security', t);
  end loop;
end $$;

-- The migrating role owns the tables and, without being a superuser, would be held by FORCE as well: it may do
-- everything, so that the definer functions of 0004-enter.sql can look before the tenant is known.
create function api.let_owner(tables text[]) returns void language plpgsql as $$
declare t text;
begin
  foreach t in array tables loop
    execute format('create policy owner_all on stowage.%I to %I using (true) with check (true)', t, current_user);
  end loop;
end $$;
select api.let_owner(array['organization', 'guard', 'member', 'team', 'team_member', 'asset_type', 'api_key', 'credential', 'idempotency', 'platform_secret', 'node']);

-- The matrix: owners and admins may do everything in their organization; nobody else sees how it is run, except
-- for the rules of asset types, which every upload needs, and a member's own row.
create policy read on stowage.organization for select to stowage_app
  using (tenant_id = (select api.tenant()) or (select api.platform()));
create policy add on stowage.organization for insert to stowage_app with check ((select api.platform()));
create policy change on stowage.organization for update to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 3));
create policy remove on stowage.organization for delete to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 4));

create policy tenant on stowage.guard to stowage_app using (tenant_id = (select api.tenant()));
create policy found on stowage.guard for insert to stowage_app with check ((select api.platform()));

create policy read on stowage.member for select to stowage_app
  using (tenant_id = (select api.tenant()) and ((select api.rank() >= 3) or id = (select api.me())));
create policy write on stowage.member to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 3)
    and api.role_rank(role) <= (select api.rank()))
  with check (tenant_id = (select api.tenant()) and (select api.rank() >= 3)
    and api.role_rank(role) <= (select api.rank()));

create policy admin on stowage.team to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 3));
create policy admin on stowage.team_member to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 3));

create policy read on stowage.asset_type for select to stowage_app using (tenant_id = (select api.tenant()));
create policy write on stowage.asset_type to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 3));

create policy admin on stowage.api_key to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 3))
  with check (tenant_id = (select api.tenant()) and (select api.rank() >= 3)
    and api.role_rank(role) between 1 and (select api.rank()));
create policy ceiling on stowage.api_key as restrictive for insert to stowage_app with check (ceiling <= (select api.rank()));
create policy admin on stowage.credential to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 3));

create policy mine on stowage.idempotency to stowage_app
  using (tenant_id = (select api.tenant()) and principal_id = (select api.me()));
create policy tidy on stowage.idempotency for delete to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 5));
create policy service on stowage.platform_secret to stowage_app using ((select api.rank() >= 5));

grant select, insert, update, delete on stowage.organization, stowage.member, stowage.team, stowage.team_member,
  stowage.asset_type, stowage.api_key, stowage.idempotency, stowage.platform_secret to stowage_app;
grant select, insert, update on stowage.guard to stowage_app;
grant insert, update, delete on stowage.credential to stowage_app;
grant select (tenant_id, key_id, expires_at) on stowage.credential to stowage_app;
