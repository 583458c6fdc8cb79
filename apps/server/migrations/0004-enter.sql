-- How a transaction begins. These functions and no others look before the tenant is known; they run as the owner of
-- the tables and answer a refusal as a value, so that its audit row can be committed (R10).

create type api.entrance as (
  outcome text,            -- 'ok' or the code of a problem
  tenant_id uuid,
  slug text,
  kind text,               -- user, apiKey, agent, platform, link, public, system
  principal_id uuid,       -- who acts: the key, or the member acted for
  key_id uuid,
  role text,
  rank integer,
  scopes text[],
  requests_per_minute integer
);

-- An organization by its slug or, where no slug is the same, by its UUID. Two lookups, because one with OR is planned
-- anew each time.
create function api.find_organization(named text, out tenant_id uuid, out slug text) language plpgsql stable as $$
begin
  select o.tenant_id, o.slug into tenant_id, slug from stowage.organization o where o.slug = named;
  if tenant_id is null and named ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    select o.tenant_id, o.slug into tenant_id, slug from stowage.organization o where o.tenant_id = named::uuid;
  end if;
end $$;

create function api.settle(tenant uuid, me uuid, rank integer, asset uuid, platform boolean) returns void
language sql volatile as $$
  select set_config('stowage.tenant', coalesce(tenant::text, ''), true),
    set_config('stowage.me', coalesce(me::text, ''), true),
    set_config('stowage.rank', rank::text, true),
    set_config('stowage.only', coalesce(asset::text, ''), true),
    set_config('stowage.platform', platform::text, true),
    set_config('statement_timeout', '30s', true),
    set_config('idle_in_transaction_session_timeout', '30s', true)
$$;


-- By API key or platform key. `p_organization` is a slug or the id's UUID; `p_act_for` a member's UUID or external id.
create function api.enter(p_hash bytea, p_organization text, p_act_for text) returns api.entrance
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
end $$;

-- By a verified token: its claims name the organization and the member, who is made on first sight.
create function api.enter_token(p_organization text, p_external_id text, p_email text, p_name text, p_role text, p_new_id uuid)
returns api.entrance
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
end $$;

-- By a signed URL: with its maker's present rights, narrowed to one asset (R14). The signature was checked before.
create function api.enter_signed(p_tenant uuid, p_asset uuid, p_maker_kind text, p_maker uuid, p_epoch integer) returns api.entrance
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
end $$;

-- By a staged upload: with what its maker still has of the rights it was begun with, narrowed to uploading (R14).
create function api.enter_upload(p_tenant uuid, p_upload uuid) returns api.entrance
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
end $$;

-- For an object that lies in an organization's inbox: nobody's own, and for making an asset of it alone.
create function api.enter_inbox(p_tenant uuid) returns api.entrance
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
end $$;

-- Without a credential: one asset, and only if it is public.
create function api.enter_public(p_asset uuid) returns api.entrance
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
end $$;

-- The service's own work in one organization: jobs, the reaper, the sealer.
create function api.enter_system(p_tenant uuid) returns void
language sql volatile as $$ select api.settle(p_tenant, null, 5, null, false) $$;
