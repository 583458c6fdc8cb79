-- Verdicts, quarantine and what is remembered of both.

-- A finding that an admin has called wrong: it is believed of these bytes from then on (R12).
create table stowage.false_positive (
  tenant_id uuid not null,
  sha256 stowage.sha256_digest not null,
  finding text not null,
  reason text not null,
  created_by uuid,
  created_by_kind stowage.principal_kind,
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, sha256, finding)
);

-- One stay of some bytes in quarantine. Kept when it is over, for the report of a period.
create table stowage.quarantine_entry (
  tenant_id uuid not null,
  id uuid not null,
  sha256 stowage.sha256_digest not null,
  finding text not null,
  signatures text not null,
  size_bytes stowage.size_bytes not null,
  -- What it was called and whose it was when it was found.
  name text not null,
  asset_id uuid not null,
  state text not null default 'held' check (state in ('held', 'released', 'purged')),
  reason text,
  ended_by uuid,
  ended_by_kind stowage.principal_kind,
  ended_at timestamptz(3),
  found_at timestamptz(3) not null default now(),
  primary key (tenant_id, id)
);
create unique index on stowage.quarantine_entry (tenant_id, sha256) where state = 'held';
create index on stowage.quarantine_entry (tenant_id, found_at desc, id desc);

do $$
declare t text;
begin
  foreach t in array array['false_positive', 'quarantine_entry'] loop
    execute format('alter table stowage.%I enable row level security', t);
    execute format('alter table stowage.%I force row level security', t);
  end loop;
end $$;
-- Every upload asks whether a finding is believed.
create policy read on stowage.false_positive for select to stowage_app using (tenant_id = (select api.tenant()));
create policy write on stowage.false_positive to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 3));
create policy admins on stowage.quarantine_entry to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 3));
select api.let_owner(array['false_positive', 'quarantine_entry']);
grant select, insert, update, delete on stowage.false_positive, stowage.quarantine_entry to stowage_app;

-- Keeps a scanner's verdict on some bytes. What was found harmful stays so until an admin says otherwise; what was
-- looked at stays looked at when a later look comes to nothing. That there was a look is kept all the same, so that the
-- same bytes are not looked at again and again.
create function api.judge(p_sha256 bytea, p_scan text, p_reason text, p_finding text, p_signatures text) returns void
language plpgsql as $$
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
end $$;

-- Shows the verdict on some bytes with the assets whose current version they are, and takes those that are harmful out
-- of reach: the assets, and each of their copies. Answers whether they were harmful.
create function api.settle_verdict(p_sha256 bytea, p_store text) returns boolean language plpgsql as $$
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
end $$;

-- Bytes that are gone have left the quarantine, whoever removed them.
create function stowage.leave_quarantine() returns trigger language plpgsql as $$
begin
  update stowage.quarantine_entry set state = 'purged', ended_at = now()
    where tenant_id = old.tenant_id and sha256 = old.sha256 and state = 'held';
  return null;
end $$;
create trigger leave_quarantine after delete on stowage.object for each row
  when (old.scan = 'infected') execute function stowage.leave_quarantine();

-- How many files wait for which step, and how many were given up.
create function api.count_steps() returns table (name text, state text, count bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select name, state, count(*) from stowage.step where state in ('waiting', 'running', 'dead') group by 1, 2
$$;

revoke execute on function api.judge, api.settle_verdict, api.count_steps from public;
grant execute on function api.judge, api.settle_verdict to stowage_app;
grant execute on function api.count_steps to stowage_sweep;
