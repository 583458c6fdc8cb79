-- What the sweeper may find across organizations. It only finds; every change runs in that organization's own
-- transaction. It logs in as a role of its own, which reaches these functions and not one table.

create function api.due_copies(p_limit integer) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id, id from stowage.copy
  where state in ('writing', 'releasing') and due_at <= now() order by due_at limit p_limit
$$;

create function api.due_assets(p_limit integer) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  (select tenant_id, id from stowage.asset where purge_after <= now() order by purge_after limit p_limit)
  union
  (select tenant_id, id from stowage.asset where expires_at <= now() and state <> 'trashed' order by expires_at limit p_limit)
$$;

-- Without those of some names.
create function api.due_steps(p_limit integer, p_without text[]) returns table (tenant_id uuid, asset_id uuid, n integer, name text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id, asset_id, n, name from stowage.step
  where state in ('waiting', 'running') and due_at <= now() and name <> all (p_without)
  order by priority, due_at limit p_limit
$$;

create function api.due_staged_uploads(p_limit integer) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id, id from stowage.staged_upload where due_at <= now() order by due_at limit p_limit
$$;

create function api.wanted_copies(p_limit integer) returns table (tenant_id uuid, id uuid, wanted_in text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id, id, wanted_in from stowage.copy
  where wanted_in is not null and state = 'live' and wanted_at <= now() order by wanted_at limit p_limit
$$;

create function api.away_from_home(out away_count bigint, out away_bytes numeric, out single_count bigint, out single_bytes numeric)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select count(*) filter (where away), coalesce(sum(stored_bytes) filter (where away), 0),
    count(*) filter (where not away), coalesce(sum(stored_bytes) filter (where not away), 0)
  from stowage.copy where wanted_in is not null and state = 'live'
$$;

-- A sign of life of a process. Answers how many others live that do not share its data folder.
create function api.see_node(p_node uuid, p_data uuid, p_seconds integer) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  delete from stowage.node where seen_at < now() - make_interval(secs => p_seconds);
  insert into stowage.node (id, data_id) values (p_node, p_data) on conflict (id) do update set seen_at = now();
  select count(*) from stowage.node where data_id <> p_data
$$;

create function api.forget_node(p_node uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  delete from stowage.node where id = p_node
$$;

-- How much of each pack anything still points at, and for how long nothing has; packs that are not known are left out.
create function api.packs_in_use(p_packs uuid[]) returns table (pack_id uuid, used_bytes bigint, emptied_seconds bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select p.id, coalesce((select sum(c.size_bytes) from stowage.chunk c where c.pack_id = p.id), 0)::bigint,
    extract(epoch from now() - p.emptied_at)::bigint
  from stowage.pack p where p.id = any (p_packs)
$$;

create function api.empty_pack(p_pack uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  update stowage.pack set emptied_at = now() where id = p_pack and emptied_at is null
$$;

create function api.packed(p_pack uuid, p_limit integer) returns table (tenant_id uuid, key text, start bigint, size_bytes bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id, key, pack_start, size_bytes from stowage.chunk where pack_id = p_pack order by pack_start limit p_limit
$$;

create function api.forget_pack(p_pack uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  delete from stowage.pack where id = p_pack
$$;

create function api.unsealed_tenants() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id from stowage.organization o
  where exists (select from stowage.audit_event e where e.tenant_id = o.tenant_id and e.batch is null)
$$;

create function api.unfolded_tenants() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id from stowage.organization o
  where exists (select from stowage.usage_delta d where d.tenant_id = o.tenant_id)
$$;

create function api.all_tenants() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select tenant_id from stowage.organization order by tenant_id
$$;

create function api.staging(out unfinished_count bigint, out unfinished_bytes numeric, out releasing_count bigint, out releasing_bytes numeric)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select count(*) filter (where c.state = 'writing'), coalesce(sum(u.reserved_bytes) filter (where c.state = 'writing'), 0),
    count(*) filter (where c.state = 'releasing'), coalesce(sum(c.stored_bytes) filter (where c.state = 'releasing'), 0)
  from stowage.copy c left join stowage.upload u on u.tenant_id = c.tenant_id and u.copy_id = c.id
  where c.state in ('writing', 'releasing')
$$;

revoke execute on all functions in schema api from public;
grant execute on function api.due_copies, api.due_assets, api.due_steps, api.due_staged_uploads, api.wanted_copies, api.away_from_home, api.see_node, api.forget_node,
  api.packs_in_use, api.packed, api.empty_pack, api.forget_pack, api.unsealed_tenants, api.unfolded_tenants,
  api.all_tenants, api.staging to stowage_sweep;
grant execute on function api.tenant, api.me, api.rank, api.only, api.platform, api.role_rank, api.rank_role,
  api.begin_pack, api.commit_copy, api.commit_upload, api.place_copy, api.finish_staged, api.release_staged, api.hold_staged, api.release_copies, api.reserve, api.used, api.fold_usage,
  api.settle, api.enter, api.enter_token, api.enter_signed, api.enter_upload, api.enter_public, api.enter_system to stowage_app;
