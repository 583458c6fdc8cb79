import { allowed, type Command, type Commands, ghost, type Input, refused } from './command.ts'

/** Without a scanner nothing is in quarantine. */
function aboutNothing(input: Input): Command {
  return { input: () => ({ quarantineId: ghost('qua'), ...input }), expect: () => refused('notThere') }
}

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
  'quarantine.list': {
    input: () => ({}),
    expect: () => allowed({ shows: ({ items }) => ({ got: items, wanted: [] }) }),
  },
  'quarantine.release': aboutNothing({ reason: 'a false positive' }),
  'quarantine.revoke': aboutNothing({ reason: 'it was none' }),
  'quarantine.purge': aboutNothing({}),
  'securityReports.get': {
    input: () => ({}),
    expect: () => allowed({ shows: ({ found, entries }) => ({ got: [found, entries], wanted: [0, []] }) }),
  },
} satisfies Commands
