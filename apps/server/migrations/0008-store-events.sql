-- What stores tell of: objects that appear in an inbox, and copies that were changed behind our back.

-- The newest that was heard of each key, so that a message has its effect once, however often and in whatever order it
-- comes. For an object in an inbox it is also the job that makes an asset of it: `state` is null for every other key.
create table stowage.store_event (
  tenant_id uuid not null,
  store_id text not null,
  key text not null,
  kind text not null check (kind in ('created', 'removed')),
  at timestamptz(3) not null,
  sequencer text,
  -- An incident was raised for what is remembered here.
  suspected boolean not null default false,
  seen_at timestamptz(3) not null default now(),
  -- waiting → deleting (its asset is committed, the object is still there) → done; refused and left where it is; gone
  -- before it was read.
  state text check (state in ('waiting', 'deleting', 'done', 'refused', 'gone')),
  -- Who has it in hand: an attempt that another one or a newer object has overtaken commits nothing.
  claim integer not null default 0,
  failures integer not null default 0,
  due_at timestamptz(3),
  asset_id uuid,
  -- Of the object that the asset was made of: another one under its key is not removed.
  read_bytes bigint,
  read_modified_at timestamptz(3),
  primary key (tenant_id, store_id, key)
);
create index on stowage.store_event (due_at) where due_at is not null;
create index on stowage.store_event (tenant_id, seen_at);

create table stowage.incident (
  tenant_id uuid not null,
  id uuid not null,
  kind text not null check (kind in ('vanished', 'changed', 'strange', 'refused')),
  store_id text not null,
  key text not null,
  -- The copy that lies there, to be read again; null for an object that is none of ours.
  copy_id uuid,
  at timestamptz(3) not null,
  seen_at timestamptz(3) not null default now(),
  settled_at timestamptz(3),
  outcome text check (outcome in ('intact', 'damaged', 'missing', 'released', 'left')),
  -- Live copies of the same bytes elsewhere, from which readers are served.
  other_copies integer,
  detail text,
  attempts integer not null default 0,
  due_at timestamptz(3),
  primary key (tenant_id, id),
  check ((settled_at is null) = (outcome is null))
);
create index on stowage.incident (tenant_id, seen_at desc, id desc);
create index on stowage.incident (due_at) where due_at is not null;

do $$
declare t text;
begin
  foreach t in array array['store_event', 'incident'] loop
    execute format('alter table stowage.%I enable row level security', t);
    execute format('alter table stowage.%I force row level security', t);
  end loop;
end $$;
create policy tenant on stowage.store_event to stowage_app using (tenant_id = (select api.tenant()));
create policy read on stowage.incident for select to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 3));
create policy write on stowage.incident to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 5));
select api.let_owner(array['store_event', 'incident']);
grant select, insert, update, delete on stowage.store_event, stowage.incident to stowage_app;

-- Ends an object of an inbox with the asset that is made of it, in the same transaction. Refuses like api.commit_upload
-- when another attempt has it, or another object came in its place (SW002).
create function api.end_inbox(p_store text, p_key text, p_claim integer, p_asset uuid, p_bytes bigint, p_modified timestamptz)
returns void language plpgsql as $$
begin
  update stowage.store_event
    set state = 'deleting', asset_id = p_asset, read_bytes = p_bytes, read_modified_at = p_modified, failures = 0
    where tenant_id = api.tenant() and store_id = p_store and key = p_key and state = 'waiting' and claim = p_claim;
  if not found then
    raise exception using errcode = 'SW002', message = 'the object in the inbox was taken anew';
  end if;
end $$;

-- What is known of a key before the organization is: whose it is.
create function api.copies_at(p_store text, p_key text) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id, id from stowage.copy where store_id = p_store and key = p_key and state <> 'gone'
$$;

create function api.tenant_of_slug(p_slug text) returns uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id from stowage.organization where slug = p_slug
$$;

create function api.due_inbox(p_limit integer) returns table (tenant_id uuid, store_id text, key text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id, store_id, key from stowage.store_event where due_at <= now() order by due_at limit p_limit
$$;

create function api.due_scrubs(p_limit integer) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id, id from stowage.incident where due_at <= now() order by due_at limit p_limit
$$;

create function api.count_incidents() returns table (kind text, outcome text, count bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select kind, coalesce(outcome, 'open'), count(*) from stowage.incident group by 1, 2
$$;

revoke execute on function api.end_inbox, api.copies_at, api.tenant_of_slug, api.due_inbox, api.due_scrubs,
  api.count_incidents from public;
grant execute on function api.end_inbox, api.enter_inbox to stowage_app;
grant execute on function api.copies_at, api.tenant_of_slug, api.due_inbox, api.due_scrubs, api.count_incidents
  to stowage_sweep;
