import type { ClientBase } from 'pg'

/**
 * Describes the database in SQL, by catalog queries alone: the same text for the same migrations, on every PostgreSQL
 * from 15 on. A record to read and compare, not a script to restore from: statements are sorted, not in an order
 * that would run.
 */
export async function dumpSchema(client: ClientBase): Promise<string> {
  // Names are written in full whatever the caller's path is.
  await client.query("SET search_path = ''")
  const sections: string[] = []
  for (const [title, query] of SECTIONS) {
    const { rows } = await client.query<{ line: string }>(query)
    const lines = rows.map(({ line }) => line.trimEnd()).sort()
    if (lines.length > 0) sections.push([`-- ${title}`, ...lines].join('\n\n'))
  }
  await client.query('RESET search_path')
  return `-- Made by scripts/schema.ts from the migrations; do not edit.\n\n${sections.join('\n\n')}\n`
}

/** Schemas that the migrations made or filled. */
const SCHEMAS = `(SELECT oid, nspname, nspacl, nspowner FROM pg_catalog.pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')`

/** Leaves out what an extension brought along. */
const own = (oid: string, catalog: string) =>
  `NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = ${oid} AND d.deptype = 'e'
     AND d.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass)`

const RELATIONS = `(SELECT c.*, n.nspname, pg_catalog.format('%I.%I', n.nspname, c.relname) AS full_name
  FROM pg_catalog.pg_class c JOIN ${SCHEMAS} n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND ${own('c.oid', 'pg_class')})`

const TABLES = `(SELECT * FROM ${RELATIONS} x WHERE relkind IN ('r', 'p'))`

const FUNCTIONS = `(SELECT p.*, n.nspname,
    pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) AS full_name
  FROM pg_catalog.pg_proc p JOIN ${SCHEMAS} n ON n.oid = p.pronamespace
  WHERE p.prokind IN ('f', 'p') AND ${own('p.oid', 'pg_proc')})`

/**
 * Rights of everybody but the owner, who has them all. MAINTAIN is left out, for it is in "ALL" from 17 on; rights that
 * PUBLIC has by default are shown, because they are the ones that are overlooked.
 */
const grants = (kind: string, source: string, name: string, acl: string, owner: string, code: string) => `
  SELECT pg_catalog.format('GRANT %s ON ${kind} %s TO %s%s;',
      pg_catalog.string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type), ${name},
      coalesce(pg_catalog.quote_ident(g.rolname), 'PUBLIC'), CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END) AS line
  FROM ${source} o
  CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(${acl}, pg_catalog.acldefault('${code}', ${owner}))) a
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
  WHERE a.grantee <> ${owner} AND a.privilege_type <> 'MAINTAIN'
    AND coalesce(g.rolname, '') <> 'pg_database_owner'
  GROUP BY ${name}, g.rolname, a.is_grantable`

const COLUMN_GRANTS = `
  SELECT pg_catalog.format('GRANT %s (%s) ON TABLE %s TO %s%s;', a.privilege_type,
      pg_catalog.string_agg(pg_catalog.quote_ident(c.attname), ', ' ORDER BY c.attname), o.full_name,
      coalesce(pg_catalog.quote_ident(g.rolname), 'PUBLIC'), CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END) AS line
  FROM ${TABLES} o JOIN pg_catalog.pg_attribute c ON c.attrelid = o.oid AND NOT c.attisdropped
  CROSS JOIN LATERAL pg_catalog.aclexplode(c.attacl) a
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
  WHERE a.grantee <> o.relowner
  GROUP BY o.full_name, a.privilege_type, g.rolname, a.is_grantable`

const DEFAULT_GRANTS = `
  SELECT pg_catalog.format('ALTER DEFAULT PRIVILEGES%s GRANT %s ON %s TO %s;',
      ' IN SCHEMA ' || pg_catalog.quote_ident(n.nspname),
      pg_catalog.string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type),
      CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
        WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END,
      coalesce(pg_catalog.quote_ident(g.rolname), 'PUBLIC')) AS line
  FROM pg_catalog.pg_default_acl d
  CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
  WHERE a.grantee <> d.defaclrole AND a.privilege_type <> 'MAINTAIN'
  GROUP BY n.nspname, d.defaclobjtype, g.rolname`

const COLUMNS = `
  SELECT pg_catalog.format('CREATE TABLE %s (%s)%s%s;', t.full_name,
      pg_catalog.string_agg(pg_catalog.format(E'\\n  %I %s%s%s%s%s', a.attname,
        pg_catalog.format_type(a.atttypid, a.atttypmod),
        CASE WHEN l.collname <> 'default' AND a.attcollation <> y.typcollation
          THEN ' COLLATE ' || pg_catalog.quote_ident(l.collname) END,
        CASE WHEN a.attgenerated = '' THEN ' DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
          ELSE ' GENERATED ALWAYS AS (' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
            || CASE a.attgenerated WHEN 's' THEN ') STORED' ELSE ') VIRTUAL' END END,
        CASE a.attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY'
          WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY' END,
        CASE WHEN a.attnotnull THEN ' NOT NULL' END), ',' ORDER BY a.attnum) || E'\\n',
      ' PARTITION BY ' || pg_catalog.pg_get_partkeydef(t.oid),
      ' WITH (' || pg_catalog.array_to_string(t.reloptions, ', ') || ')') AS line
  FROM ${TABLES} t
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
  GROUP BY t.oid, t.full_name, t.reloptions`

/** NOT NULL is written with its column: as a constraint of its own it exists from 18 on. */
const CONSTRAINTS = `
  SELECT pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s;',
      t.full_name, c.conname, pg_catalog.pg_get_constraintdef(c.oid)) AS line
  FROM pg_catalog.pg_constraint c JOIN ${TABLES} t ON t.oid = c.conrelid
  WHERE c.contype IN ('c', 'f', 'p', 'u', 'x') AND c.conparentid = 0`

const INDEXES = `
  SELECT pg_catalog.pg_get_indexdef(i.indexrelid) || ';' AS line
  FROM pg_catalog.pg_index i JOIN ${TABLES} t ON t.oid = i.indrelid
  WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))`

const PARTITIONS = `
  SELECT pg_catalog.format('ALTER TABLE %s ATTACH PARTITION %s %s;', p.full_name, c.full_name,
      pg_catalog.pg_get_expr(c.relpartbound, c.oid)) AS line
  FROM pg_catalog.pg_inherits i JOIN ${TABLES} c ON c.oid = i.inhrelid JOIN ${TABLES} p ON p.oid = i.inhparent
  WHERE c.relispartition`

const ROW_SECURITY = `
  SELECT pg_catalog.format('ALTER TABLE %s %s ROW LEVEL SECURITY;', t.full_name, f.flag) AS line
  FROM ${TABLES} t
  CROSS JOIN LATERAL (VALUES (t.relrowsecurity, 'ENABLE'), (t.relforcerowsecurity, 'FORCE')) f (is_set, flag)
  WHERE f.is_set`

/** The owner has one name here, whatever the installation calls it. */
const POLICIES = `
  SELECT pg_catalog.format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s;', p.polname, t.full_name,
      CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
      CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
      coalesce((SELECT pg_catalog.string_agg(pg_catalog.quote_ident(rolname), ', ' ORDER BY rolname)
        FROM (SELECT CASE WHEN oid = t.relowner THEN 'stowage_owner' ELSE rolname END AS rolname
          FROM pg_catalog.pg_roles WHERE oid = ANY (p.polroles)) r), 'PUBLIC'),
      E'\\n  USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
      E'\\n  WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')') AS line
  FROM pg_catalog.pg_policy p JOIN ${TABLES} t ON t.oid = p.polrelid`

const VIEWS = `
  SELECT pg_catalog.format(E'CREATE %s %s%s AS\\n%s', CASE v.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END,
      v.full_name, ' WITH (' || pg_catalog.array_to_string(v.reloptions, ', ') || ')',
      pg_catalog.pg_get_viewdef(v.oid)) AS line
  FROM ${RELATIONS} v WHERE v.relkind IN ('v', 'm')`

const TRIGGERS = `
  SELECT pg_catalog.pg_get_triggerdef(g.oid) || ';' AS line
  FROM pg_catalog.pg_trigger g JOIN ${RELATIONS} t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal AND g.tgparentid = 0`

const TYPES = `
  SELECT pg_catalog.format('CREATE DOMAIN %I.%I AS %s%s%s;', n.nspname, y.typname,
      pg_catalog.format_type(y.typbasetype, y.typtypmod), CASE WHEN y.typnotnull THEN ' NOT NULL' END,
      (SELECT pg_catalog.string_agg(' ' || pg_catalog.pg_get_constraintdef(c.oid), '' ORDER BY c.conname)
        FROM pg_catalog.pg_constraint c WHERE c.contypid = y.oid AND c.contype = 'c')) AS line
  FROM pg_catalog.pg_type y JOIN ${SCHEMAS} n ON n.oid = y.typnamespace
  WHERE y.typtype = 'd' AND ${own('y.oid', 'pg_type')}
  UNION ALL
  SELECT pg_catalog.format('CREATE TYPE %I.%I AS ENUM (%s);', n.nspname, y.typname,
      pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder))
  FROM pg_catalog.pg_type y JOIN ${SCHEMAS} n ON n.oid = y.typnamespace JOIN pg_catalog.pg_enum e ON e.enumtypid = y.oid
  WHERE ${own('y.oid', 'pg_type')} GROUP BY n.nspname, y.typname
  UNION ALL
  SELECT pg_catalog.format('CREATE TYPE %I.%I AS (%s);', n.nspname, c.relname,
      pg_catalog.string_agg(pg_catalog.format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ', '
        ORDER BY a.attnum))
  FROM pg_catalog.pg_class c JOIN ${SCHEMAS} n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relkind = 'c' AND ${own('c.oid', 'pg_class')} GROUP BY n.nspname, c.relname`

const COMMENTS = `
  SELECT pg_catalog.format('COMMENT ON %s %s IS %L;', o.kind, o.name, d.description) AS line
  FROM pg_catalog.pg_description d
  JOIN (
    SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass AS catalog, oid, 0 AS part, 'SCHEMA' AS kind,
      pg_catalog.quote_ident(nspname) AS name FROM ${SCHEMAS} s WHERE nspname <> 'public'
    UNION ALL SELECT 'pg_catalog.pg_class', oid, 0, CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
      WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, full_name FROM ${RELATIONS} r
    UNION ALL SELECT 'pg_catalog.pg_class', t.oid, a.attnum, 'COLUMN', pg_catalog.format('%s.%I', t.full_name, a.attname)
      FROM ${TABLES} t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
    UNION ALL SELECT 'pg_catalog.pg_proc', oid, 0, CASE prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, full_name
      FROM ${FUNCTIONS} f
    UNION ALL SELECT 'pg_catalog.pg_policy', p.oid, 0, 'POLICY', pg_catalog.format('%I ON %s', p.polname, t.full_name)
      FROM pg_catalog.pg_policy p JOIN ${TABLES} t ON t.oid = p.polrelid
    UNION ALL SELECT 'pg_catalog.pg_constraint', c.oid, 0, 'CONSTRAINT', pg_catalog.format('%I ON %s', c.conname, t.full_name)
      FROM pg_catalog.pg_constraint c JOIN ${TABLES} t ON t.oid = c.conrelid
    UNION ALL SELECT 'pg_catalog.pg_trigger', g.oid, 0, 'TRIGGER', pg_catalog.format('%I ON %s', g.tgname, t.full_name)
      FROM pg_catalog.pg_trigger g JOIN ${RELATIONS} t ON t.oid = g.tgrelid
  ) o ON o.catalog = d.classoid AND o.oid = d.objoid AND o.part = d.objsubid`

const EXTENSIONS = `
  SELECT pg_catalog.format('CREATE EXTENSION %I WITH SCHEMA %I;', e.extname, n.nspname) AS line
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'`

const SECTIONS: [title: string, query: string][] = [
  [
    'Schemas',
    `SELECT pg_catalog.format('CREATE SCHEMA %I;', nspname) AS line FROM ${SCHEMAS} s WHERE nspname <> 'public'`,
  ],
  ['Extensions', EXTENSIONS],
  ['Types', TYPES],
  [
    'Sequences',
    `SELECT pg_catalog.format('CREATE SEQUENCE %s;', full_name) AS line FROM ${RELATIONS} r WHERE relkind = 'S'`,
  ],
  ['Tables', COLUMNS],
  ['Partitions', PARTITIONS],
  ['Constraints', CONSTRAINTS],
  ['Indexes', INDEXES],
  ['Row-level security', ROW_SECURITY],
  ['Policies', POLICIES],
  ['Views', VIEWS],
  ['Functions', `SELECT pg_catalog.pg_get_functiondef(oid) || ';' AS line FROM ${FUNCTIONS} f`],
  ['Triggers', TRIGGERS],
  ['Grants on schemas', grants('SCHEMA', SCHEMAS, 'pg_catalog.quote_ident(o.nspname)', 'o.nspacl', 'o.nspowner', 'n')],
  [
    'Grants on tables',
    grants(
      'TABLE',
      `(SELECT * FROM ${RELATIONS} x WHERE relkind <> 'S')`,
      'o.full_name',
      'o.relacl',
      'o.relowner',
      'r',
    ),
  ],
  ['Grants on columns', COLUMN_GRANTS],
  [
    'Grants on sequences',
    grants(
      'SEQUENCE',
      `(SELECT * FROM ${RELATIONS} x WHERE relkind = 'S')`,
      'o.full_name',
      'o.relacl',
      'o.relowner',
      's',
    ),
  ],
  ['Grants on functions', grants('ROUTINE', FUNCTIONS, 'o.full_name', 'o.proacl', 'o.proowner', 'f')],
  ['Default privileges', DEFAULT_GRANTS],
  ['Comments', COMMENTS],
]
