import { allowed, type Commands } from './command.ts'

/** What stores tell concerns the whole service; what came of it, the admins of the organization. */
export const storeCommands = {
  'storeEvents.create': {
    input: () => ({ content: '{"Records":[]}' }),
    expect: () => allowed({ shows: ({ taken, ignored }) => ({ got: [taken, ignored], wanted: [0, 0] }) }),
  },
  'incidents.list': {
    input: () => ({}),
    expect: () => allowed({ shows: ({ items }) => ({ got: items, wanted: [] }) }),
  },
} satisfies Commands
