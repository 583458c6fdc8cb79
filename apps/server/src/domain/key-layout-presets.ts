import type { Layout } from './key-layout.ts'

/** The layout of a new installation: short keys, spread evenly, with nothing in them but ids. */
const DEFAULT: Layout = {
  name: 'default',
  templates: { original: '{org}/{shard}/{id}' },
  isolation: { scope: 'organization', prefix: '{org}/' },
  keys: 'perObject',
  sharedBucketSafe: true,
}

const DATED: Layout = {
  name: 'dated',
  templates: { original: '{org}/{type}/{YYYY}/{MM}/{DD}/{id}{ext}' },
  isolation: { scope: 'organization', prefix: '{org}/' },
  keys: 'perVersion',
  sharedBucketSafe: true,
}

const SECURITY_FIRMS: Layout = {
  name: 'security_firms',
  templates: { original: 'security_firms/{org}/{type}_{id}.{ext}' },
  isolation: { scope: 'organization', prefix: 'security_firms/{org}/' },
  keys: 'perVersion',
  sharedBucketSafe: true,
}

/** Promises no prefix: for an installation with a single organization. */
const FLAT: Layout = {
  name: 'flat',
  templates: {
    original: 'uploaded/{id}.{ext}',
    restored: 'restored/{id}/{n}.{ext}',
    thumbnail: 'thumbnails/{id}.jpg',
    animated: 'animated/{id}/{n}_{suffix}.mp4',
    sidecar: 'meta/{id}.json',
  },
  isolation: { scope: 'organization', prefix: '' },
  keys: 'perVersion',
  sharedBucketSafe: false,
}

const USER: Layout = {
  name: 'user',
  templates: {
    original: 'users/{user}/raw/{id}/original.{ext}',
    restored: 'users/{user}/processed/{id}/restored.{ext}',
    thumbnail: 'users/{user}/thumbs/{id}.jpg',
    animated: 'users/{user}/animated/{id}/{n}_{suffix}.mp4',
    sidecar: 'users/{user}/meta/{id}.json',
  },
  isolation: { scope: 'user', prefix: 'users/{user}/' },
  keys: 'perVersion',
  sharedBucketSafe: true,
}

const CUSTOMER: Layout = {
  name: 'customer',
  templates: {
    original: '{customer}/uploads/{YYYY/MM/DD}/{id}',
    document: '{customer}/documents/{financial|contracts|reports|general}/{id}{ext}',
    recording: '{customer}/recordings/{date}/{callId}.{ext}',
    temporary: '{customer}/temp/{session}/{id}{ext}',
    archive: '{customer}/archive/{year}/{id}{ext}',
  },
  isolation: { scope: 'organization', prefix: '{customer}/' },
  keys: 'perVersion',
  sharedBucketSafe: true,
}

/** The layouts one may name instead of writing templates. */
export const LAYOUT_PRESETS: readonly Layout[] = [DEFAULT, DATED, SECURITY_FIRMS, FLAT, USER, CUSTOMER]
