import { lintSource } from '@secretlint/core'
import { secretLintProfiler } from '@secretlint/profiler'
import { rules } from '@secretlint/secretlint-rule-preset-recommend'
import { findSecretForms, type Secret } from './secret-forms.rules.ts'

// It would keep an entry for every text, as long as the server lives.
secretLintProfiler.setEnabled(false)

const PREFIX = '@secretlint/secretlint-rule-'
/** By this rule, a comment in a text says that nothing is to be found in it. */
const HIDING = `${PREFIX}filter-comments`
/** Names of keys lead to keys; numbers of accounts do not. */
const AWS = { id: `${PREFIX}aws`, options: { enableIDScanRule: true }, allowMessageIds: ['AWSAccountID'] }
/** Its rules leave examples and placeholders out. */
const CONFIDENCE = 0.9

const config = {
  rules: rules
    .filter(({ meta }) => meta.id !== HIDING)
    .map((rule) => ({ id: rule.meta.id, rule, ...(rule.meta.id === AWS.id && AWS) })),
}

/** Finds keys, tokens and passwords in a text, in order: by the rules of Secretlint, and by forms that it lacks. */
export async function findSecrets(text: string, limit: number): Promise<Secret[]> {
  const source = { content: text, contentType: 'text' as const, filePath: 'text', ext: '' }
  const { messages } = await lintSource({ source, options: { config, noPhysicFilePath: true } })
  const linted = messages.map(({ ruleId, range: [at, end] }) => {
    return { rule: ruleId.replace(PREFIX, ''), at, length: end - at, confidence: CONFIDENCE }
  })
  return apart([...linted, ...findSecretForms(text, limit)]).slice(0, limit)
}

/** What lies in another one, or across its end, is left to the one that begins first, and is the longer one there. */
function apart(secrets: readonly Secret[]): Secret[] {
  let end = 0
  return secrets
    .toSorted((a, b) => a.at - b.at || b.length - a.length)
    .filter(({ at, length }) => {
      if (at < end) return false
      end = at + length
      return true
    })
}
