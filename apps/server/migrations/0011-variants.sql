-- Files derived from a version: pictures that are made here, and what callers attach. All of them go with the version.
create table stowage.variant (
  tenant_id uuid not null,
  asset_id uuid not null,
  n integer not null,
  name text not null,
  -- Tells several of a name apart: a page, a format, or what a caller says.
  suffix text not null default '',
  state text not null check (state in ('wanted', 'made', 'failed')),
  -- By a caller; it counts towards the quota.
  attached boolean not null default false,
  -- Why there is none.
  reason text,
  -- How it was made: another size or another painter makes it again.
  recipe text,
  sha256 stowage.sha256_digest,
  scope text,
  size_bytes stowage.size_bytes,
  media_type text,
  width integer,
  height integer,
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, asset_id, n, name, suffix),
  foreign key (tenant_id, asset_id, n) references stowage.version on delete cascade,
  foreign key (tenant_id, sha256) references stowage.object,
  check (state <> 'made' or (sha256 is not null and scope is not null and size_bytes is not null and media_type is not null))
);
create index on stowage.variant (tenant_id, sha256, scope) where sha256 is not null;

alter table stowage.variant enable row level security;
alter table stowage.variant force row level security;
-- Reached through an asset, so the tenant is all that its policy says (R8).
create policy tenant on stowage.variant to stowage_app using (tenant_id = (select api.tenant()));
grant select, insert, update, delete on stowage.variant to stowage_app;
select api.let_owner(array['variant']);

-- Everything that needs the bytes of an object.
create view stowage.pointer with (security_invoker = true) as
  select tenant_id, sha256, scope, asset_id, n from stowage.version
  union all
  select tenant_id, sha256, scope, asset_id, n from stowage.variant where sha256 is not null;
grant select on stowage.pointer to stowage_app;

-- Keeps the bytes of a variant and points it at them. Answers 'lost' when the reaper has taken the copy, or the version
-- is no more; else as api.commit_copy does.
create function api.commit_variant(
  p_asset uuid, p_n integer, p_name text, p_suffix text, p_attached boolean, p_recipe text, p_media_type text,
  p_width integer, p_height integer,
  p_copy uuid, p_sha256 bytea, p_size bigint, p_scan text, p_scan_reason text, p_signatures text, p_scope text, p_placement uuid, p_store text,
  p_key text, p_encrypted boolean, p_stored bigint, p_envelope bytea, p_bound boolean, p_bytes bytea, p_usage uuid
) returns text language plpgsql as $$
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
end $$;

-- Versions whose bytes, or whose attached files, the present scanner has not judged: those that were never scanned first.
-- Of several versions with the same bytes the newest.
create function api.stale_verdicts(p_signatures text, p_limit integer)
returns table (tenant_id uuid, asset_id uuid, n integer)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
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
$$;

revoke execute on function api.commit_variant, api.stale_verdicts from public;
grant execute on function api.commit_variant to stowage_app;
grant execute on function api.stale_verdicts to stowage_sweep;
