-- What was read in a version: facts, text with its places, rows of sheets. All of it goes with the version.

create table stowage.version_facts (
  tenant_id uuid not null,
  asset_id uuid not null,
  n integer not null,
  extractor text not null,
  extractor_version integer not null,
  facts jsonb not null,
  -- Files inside the file, which were not opened.
  attachments jsonb not null default '[]',
  text_chars bigint not null,
  -- What kind of document it is by its name, type and text: the category, how sure that is, and why. Null until it was
  -- classified.
  category jsonb,
  -- Why not everything was read.
  cut_short text,
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, asset_id, n),
  foreign key (tenant_id, asset_id, n) references stowage.version on delete cascade
);

create table stowage.version_text (
  tenant_id uuid not null,
  asset_id uuid not null,
  n integer not null,
  part integer not null,
  page integer,
  label text,
  from_ms integer,
  to_ms integer,
  text text not null,
  primary key (tenant_id, asset_id, n, part),
  foreign key (tenant_id, asset_id, n) references stowage.version on delete cascade
);

create table stowage.version_sheet (
  tenant_id uuid not null,
  asset_id uuid not null,
  n integer not null,
  sheet integer not null,
  name text not null,
  hidden boolean not null,
  row_count integer not null,
  -- Of each column: what its first row calls it, and the one type that its cells share.
  columns jsonb not null,
  primary key (tenant_id, asset_id, n, sheet),
  foreign key (tenant_id, asset_id, n) references stowage.version on delete cascade
);

create table stowage.version_rows (
  tenant_id uuid not null,
  asset_id uuid not null,
  n integer not null,
  sheet integer not null,
  first integer not null,
  rows jsonb not null,
  primary key (tenant_id, asset_id, n, sheet, first),
  foreign key (tenant_id, asset_id, n) references stowage.version on delete cascade
);

-- Personal and payment data in its text. The values themselves stand in the text alone.
create table stowage.version_finding (
  tenant_id uuid not null,
  asset_id uuid not null,
  n integer not null,
  number integer not null,
  kind text not null,
  detail text,
  part integer not null,
  page integer,
  at integer not null,
  length integer not null,
  confidence real not null,
  masked text not null,
  primary key (tenant_id, asset_id, n, number),
  foreign key (tenant_id, asset_id, n) references stowage.version on delete cascade
);

do $$
declare t text;
begin
  foreach t in array array['version_facts', 'version_text', 'version_sheet', 'version_rows', 'version_finding'] loop
    execute format('alter table stowage.%I enable row level security', t);
    execute format('alter table stowage.%I force row level security', t);
    -- Reached through an asset, so the tenant is all that their policy says (R8).
    execute format('create policy tenant on stowage.%I to stowage_app using (tenant_id = (select api.tenant()))', t);
    execute format('grant select, insert, update, delete on stowage.%I to stowage_app', t);
  end loop;
end $$;
select api.let_owner(array['version_facts', 'version_text', 'version_sheet', 'version_rows', 'version_finding']);

-- What the pipeline has done goes with the version, too.
alter table stowage.step add foreign key (tenant_id, asset_id, n) references stowage.version on delete cascade;
