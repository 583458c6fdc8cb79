/** What a program that a test starts is told of its host: where programs lie, and where Node keeps compiled code. */
export function hostEnvironment(): Record<string, string> {
  const known = ['PATH', 'NODE_COMPILE_CACHE'].map((name) => [name, process.env[name]] as const)
  return Object.fromEntries(known.filter((entry): entry is [string, string] => entry[1] !== undefined))
}
