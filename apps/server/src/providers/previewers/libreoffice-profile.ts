/** Where LibreOffice's own files lie, below `.config` of its home. */
export const PROFILE = 'office'

interface Setting {
  path: string
  name: string
  value: string | number | boolean
}

const OFFICE = '/org.openoffice.Office'

/** By the names of LibreOffice's registry. One that a version does not know, it leaves alone. */
const SETTINGS: readonly Setting[] = [
  // Pictures and sections that lie elsewhere are not fetched: neither from the network nor from this machine.
  { path: `${OFFICE}.Common/Security/Scripting`, name: 'BlockUntrustedRefererLinks', value: true },
  { path: `${OFFICE}.Common/Security/Scripting`, name: 'DisableActiveContent', value: true },
  { path: `${OFFICE}.Common/Security/Scripting`, name: 'DisableMacrosExecution', value: true },
  { path: `${OFFICE}.Common/Security/Scripting`, name: 'MacroSecurityLevel', value: 3 },
  // Never: each program has a number of its own for it.
  { path: `${OFFICE}.Writer/Content/Update`, name: 'Link', value: 0 },
  { path: `${OFFICE}.Calc/Content/Update`, name: 'Link', value: 1 },
  { path: `${OFFICE}.Java/VirtualMachine`, name: 'Enable', value: false },
  { path: `${OFFICE}.Common/Misc`, name: 'CrashReport', value: false },
  { path: `${OFFICE}.Common/Misc`, name: 'FirstRun', value: false },
  { path: `${OFFICE}.Recovery/AutoSave`, name: 'Enabled', value: false },
]

/** The files of a profile that trusts no document. */
export function libreOfficeProfile(): Record<string, string> {
  const items = SETTINGS.map(
    ({ path, name, value }) =>
      `<item oor:path="${path}"><prop oor:name="${name}" oor:op="fuse"><value>${value}</value></prop></item>`,
  )
  return {
    [`.config/${PROFILE}/user/registrymodifications.xcu`]: `<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
${items.join('\n')}
</oor:items>
`,
  }
}
