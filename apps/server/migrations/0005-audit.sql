-- Append-only, chained record of who did what (R15). `body` is canonical JSON text holding ids alone; the other columns
-- are taken from it for searching, and verification compares the two.

create domain stowage.audit_outcome as text check (value in ('allowed', 'refused', 'failed'));
create table stowage.audit_event (
  tenant_id uuid not null,
  id uuid not null,
  at timestamptz(3) not null,
  action text not null,
  outcome stowage.audit_outcome not null,
  principal_kind text not null,
  principal_id uuid,
  subject text,
  request_id text,
  body text not null,
  batch bigint,
  primary key (tenant_id, id)
);
create index on stowage.audit_event (tenant_id, at desc, id desc);
create index on stowage.audit_event (tenant_id, subject, at desc) where subject is not null;
create index on stowage.audit_event (tenant_id, id) where batch is null;
create index on stowage.audit_event (tenant_id, batch);

-- The personal values behind an event, erasable: the event holds only their salted hash.
create table stowage.audit_person (
  tenant_id uuid not null,
  id uuid not null,
  principal_id uuid,
  salt bytea not null,
  personal jsonb not null,
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, id)
);
create index on stowage.audit_person (tenant_id, principal_id);

-- One link of an organization's chain: a signed batch of events. A checkpoint stands for links that were trimmed.
create table stowage.audit_batch (
  tenant_id uuid not null,
  n bigint not null,
  kind text not null default 'batch' check (kind in ('batch', 'checkpoint')),
  previous bytea not null,
  root bytea not null,
  count integer not null,
  head bytea not null,
  key_id text not null,
  signature bytea not null,
  sealed_at timestamptz(3) not null,
  primary key (tenant_id, n)
);

do $$
declare t text;
begin
  foreach t in array array['audit_event', 'audit_person', 'audit_batch'] loop
    execute format('alter table stowage.%I enable row level security', t);
    execute format('alter table stowage.%I force row level security', t);
    execute format('create policy add on stowage.%I for insert to stowage_app with check (tenant_id = (select api.tenant()))', t);
    execute format('create policy read on stowage.%I for select to stowage_app using (tenant_id = (select api.tenant()) and (select api.rank() >= 3))', t);
  end loop;
end $$;
select api.let_owner(array['audit_event', 'audit_person', 'audit_batch']);

-- Only the sealer touches an event again, and only its batch; nobody else may change or remove anything.
create policy seal on stowage.audit_event for update to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 5) and batch is null)
  with check (tenant_id = (select api.tenant()) and batch is not null);
create policy trim on stowage.audit_event for delete to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 5) and batch is not null);
create policy trim on stowage.audit_batch for delete to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 5));
create policy erase on stowage.audit_person for delete to stowage_app
  using (tenant_id = (select api.tenant()) and (select api.rank() >= 5));

grant select, insert, delete on stowage.audit_event, stowage.audit_person, stowage.audit_batch to stowage_app;
grant update (batch) on stowage.audit_event to stowage_app;
