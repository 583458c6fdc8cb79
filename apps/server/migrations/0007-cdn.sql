-- What a CDN is to forget. A row is written with the change that makes it so, and a job tells the network (R7). Without
-- a CDN the job only removes the row: whether there is one, the database does not know.

create table stowage.cdn_purge (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  asset_id uuid not null,
  -- How far the asset's addresses go, for networks that know no tags.
  last_n integer not null,
  url_epoch integer not null,
  attempts integer not null default 0,
  due_at timestamptz(3) not null default now(),
  primary key (tenant_id, id)
);
create index on stowage.cdn_purge (due_at);
alter table stowage.cdn_purge enable row level security;
alter table stowage.cdn_purge force row level security;
create policy tenant on stowage.cdn_purge to stowage_app using (tenant_id = (select api.tenant()));
select api.let_owner(array['cdn_purge']);
grant select, insert, update, delete on stowage.cdn_purge to stowage_app;

-- Twice, because an answer that was under way at the first time may be kept after it.
create function stowage.forget(asset stowage.asset) returns void language sql as $$
  insert into stowage.cdn_purge (tenant_id, asset_id, last_n, url_epoch, due_at)
    select (asset).tenant_id, (asset).id, (asset).last_n, (asset).url_epoch, now() + make_interval(mins => later)
    from unnest(array[0, 10]) later
    where (asset).visibility = 2 or exists (
      select from stowage.signed_url u
      where u.tenant_id = (asset).tenant_id and u.asset_id = (asset).id and u.max_uses is null and u.expires_at > now())
$$;

create function stowage.forget_changed_asset() returns trigger language plpgsql as $$
begin
  perform stowage.forget(old);
  return null;
end $$;
create trigger forget_changed after update on stowage.asset for each row
  when ((old.visibility, old.state, old.current_n, old.scan, old.url_epoch)
    is distinct from (new.visibility, new.state, new.current_n, new.scan, new.url_epoch))
  execute function stowage.forget_changed_asset();
create trigger forget_removed after delete on stowage.asset for each row execute function stowage.forget_changed_asset();

create function stowage.forget_removed_versions() returns trigger language plpgsql as $$
begin
  perform stowage.forget(a) from stowage.asset a
    where (a.tenant_id, a.id) in (select tenant_id, asset_id from removed);
  return null;
end $$;
create trigger forget_removed after delete on stowage.version referencing old table as removed
  for each statement execute function stowage.forget_removed_versions();

-- A verdict that turns bad concerns every version with these bytes, the current ones and the others.
create function stowage.forget_unreadable() returns trigger language plpgsql as $$
begin
  perform stowage.forget(a) from stowage.asset a
    where a.tenant_id = new.tenant_id and a.id in (
      select v.asset_id from stowage.version v where v.tenant_id = new.tenant_id and v.sha256 = new.sha256);
  return null;
end $$;
create trigger forget_unreadable after update of scan on stowage.object for each row
  when (old.scan in ('clean', 'not_scanned') and new.scan is distinct from old.scan)
  execute function stowage.forget_unreadable();

-- An organization accepts other reasons for bytes that were not scanned.
create function stowage.forget_unaccepted() returns trigger language plpgsql as $$
begin
  perform stowage.forget(a) from stowage.asset a where a.tenant_id = new.tenant_id and a.visibility = 2;
  return null;
end $$;
create trigger forget_unaccepted after update of readable_unscanned on stowage.organization for each row
  when (old.readable_unscanned is distinct from new.readable_unscanned)
  execute function stowage.forget_unaccepted();

create function api.due_purges(p_limit integer) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id, id from stowage.cdn_purge where due_at <= now() order by due_at limit p_limit
$$;
revoke execute on function api.due_purges from public;
grant execute on function api.due_purges to stowage_sweep;
