-- The one function that commits a copy and the one that releases it (R2). Both run as the caller, under its policies.

-- Makes a copy live, or discards it because a live one in the same scope, placement and encryption has these bytes.
-- `bytes` is given for a small object, which has no row of intent: its copy is made here, live at once; they are empty
-- where `pack` and `start` say where they lie on disk. Without `usage` it is a variant's copy, and its caller counts it.
-- Answers 'live', 'deduplicated', or 'lost' when the reaper has taken the copy since.
create function api.commit_copy(
  p_copy uuid, p_sha256 bytea, p_size bigint, p_scan text, p_scan_reason text, p_finding text, p_signatures text,
  p_scope text, p_placement uuid, p_store text, p_key text, p_encrypted boolean,
  p_stored bigint, p_envelope bytea, p_epoch integer, p_asset uuid, p_n integer, p_bytes bytea,
  p_pack uuid, p_start bigint, p_usage uuid, p_files integer
) returns text language plpgsql as $$
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
end $$;

-- Releases what no version or variant of the scope needs any more; called after those were deleted. Never the last live
-- copy of a scope that one still points at. Answers how many copies were released.
create function api.release_copies(p_sha256 bytea, p_scope text, p_delay interval) returns integer language plpgsql as $$
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
end $$;

-- Whether so much more fits the organization's quota. Requests far from the limit share a lock and never wait for one
-- another; near it they take turns, each seeing what the one before committed (R6). Running uploads count as used.
-- Safe for up to 128 requests at once: none of them can pass unseen with more than its share of what is left.
create function api.reserve(p_bytes bigint, p_files integer) returns boolean language plpgsql as $$
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
end $$;

-- What every upload ends with: its share of the quota, and its copy. Refuses by raising, so that COMMIT may be sent
-- along without waiting: SW001 over quota, SW002 taken by the reaper. Of several in one transaction the first takes the
-- share of all, because the slack in api.reserve counts transactions; the others take 0.
create function api.commit_upload(
  p_copy uuid, p_sha256 bytea, p_size bigint, p_scan text, p_scan_reason text, p_finding text, p_signatures text,
  p_scope text, p_placement uuid, p_store text, p_key text, p_encrypted boolean,
  p_stored bigint, p_envelope bytea, p_asset uuid, p_n integer, p_bytes bytea,
  p_pack uuid, p_start bigint, p_usage uuid, p_files integer, p_share_bytes bigint, p_share_files integer
) returns void language plpgsql as $$
begin
  if p_share_bytes + p_share_files > 0 and not api.reserve(p_share_bytes, p_share_files) then
    raise exception using errcode = 'SW001', message = 'over quota';
  end if;
  if api.commit_copy(p_copy, p_sha256, p_size, p_scan, p_scan_reason, p_finding, p_signatures, p_scope, p_placement, p_store, p_key, p_encrypted,
      p_stored, p_envelope, 0, p_asset, p_n, p_bytes, p_pack, p_start, p_usage, p_files) = 'lost' then
    raise exception using errcode = 'SW002', message = 'the copy was taken';
  end if;
end $$;

-- Makes a copy of a copy live: beside the first one, or in its place when that one lies away from home. Without `p_copy`
-- the wanted store has one already, which another upload of the same bytes made. Nothing is changed, and the answer is
-- false, when the first one is live no more or the second is not there.
create function api.place_copy(
  p_copy uuid, p_source uuid, p_stored bigint, p_envelope bytea, p_encrypted boolean, p_wanted_in text, p_delay interval
) returns boolean language plpgsql as $$
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
end $$;

-- Ends a staged upload with the version that is made of it, in the same transaction. Refuses like api.commit_upload when
-- it was ended, or taken up anew, since (SW002).
create function api.finish_staged(p_upload uuid, p_asset uuid, p_attempt integer) returns void language plpgsql as $$
begin
  update stowage.staged_upload set state = 'done', made_asset_id = p_asset, problem = null, due_at = expires_at
    where tenant_id = api.tenant() and id = p_upload and state = 'completing' and attempts = p_attempt;
  if not found then
    raise exception using errcode = 'SW002', message = 'the staged upload was ended';
  end if;
  perform api.release_staged(p_upload);
end $$;

-- What a staged upload that is to be finished holds is not the reaper's, however long that takes.
create function api.hold_staged(p_upload uuid) returns void language sql as $$
  update stowage.copy set due_at = null
    where tenant_id = (select api.tenant()) and state = 'writing' and id in (
      select copy_id from stowage.staged_part where tenant_id = (select api.tenant()) and upload_id = p_upload
      union all select copy_id from stowage.staged_upload where tenant_id = (select api.tenant()) and id = p_upload)
$$;

-- Gives back what a staged upload holds: its reservation and its copies.
create function api.release_staged(p_upload uuid) returns void language sql as $$
  delete from stowage.upload where tenant_id = (select api.tenant()) and id = p_upload;
  update stowage.copy set state = 'releasing', due_at = now(), epoch = epoch + 1
    where tenant_id = (select api.tenant()) and state = 'writing' and id in (
      select copy_id from stowage.staged_part where tenant_id = (select api.tenant()) and upload_id = p_upload
      union all select copy_id from stowage.staged_upload where tenant_id = (select api.tenant()) and id = p_upload)
$$;

-- Folded totals, what was not folded yet, and what running uploads have reserved.
create function api.used(out bytes numeric, out files bigint) language sql stable as $$
  select
    coalesce((select u.bytes from stowage.usage_total u where tenant_id = (select api.tenant())), 0)
      + coalesce((select sum(d.bytes) from stowage.usage_delta d where tenant_id = (select api.tenant())), 0)
      + coalesce((select sum(u.reserved_bytes) from stowage.upload u where tenant_id = (select api.tenant())), 0),
    coalesce((select u.files from stowage.usage_total u where tenant_id = (select api.tenant())), 0)
      + coalesce((select sum(d.files) from stowage.usage_delta d where tenant_id = (select api.tenant())), 0)
      + coalesce((select sum(u.reserved_files) from stowage.upload u where tenant_id = (select api.tenant())), 0)
$$;

-- Moves an organization's deltas into its total.
create function api.fold_usage() returns void language sql as $$
  with gone as (delete from stowage.usage_delta where tenant_id = (select api.tenant()) returning bytes, files, stored_bytes),
    sums as (select coalesce(sum(bytes), 0) as bytes, coalesce(sum(files), 0) as files, coalesce(sum(stored_bytes), 0) as stored_bytes from gone)
  insert into stowage.usage_total as u (tenant_id, bytes, files, stored_bytes)
    select (select api.tenant()), bytes, files, stored_bytes from sums
  on conflict (tenant_id) do update
    set bytes = u.bytes + excluded.bytes, files = u.files + excluded.files, stored_bytes = u.stored_bytes + excluded.stored_bytes
$$;
