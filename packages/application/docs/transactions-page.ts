/**
 * Makes transactions.md from the schemas that dispatch and gas are made of; a test holds that it is current.
 *
 *   node --conditions=@selvedge/source packages/application/docs/transactions-page.ts
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CODE_WORDS,
  GAS,
  GOVERNED_ACTIONS,
  NODE_KINDS,
  PARAMETERS,
  SYSTEM_FUNCTIONS,
  SYSTEM_KINDS,
  TOKEN_FUNCTIONS,
  type Checks,
  type FunctionSchema,
  type SystemFunctionName,
} from '@selvedge/ledger-types'
import { DEFECTS, DEFECTS_ELSEWHERE, ERRORS, METHODS, PARAMETERS_THERE, type ReferenceRow } from './reference-rows.ts'

const intro = `# Transactions

Generated from the schemas of \`@selvedge/ledger-types\` and from \`docs/reference-rows.ts\` by \`docs/transactions-page.ts\`; do not edit.

Who does something on the ledger is an account (an Ethereum transaction to the system's address, a token's, or anybody's), a node (Ed25519),
or a member of the committee (a system transaction in its proposal). An account's is checked in this order: form 1, kind 2, chain 3, signature 4,
nonce 5 and 6, gas 8, fee 7, value 9, balance 10, then 32 and 33 for what it calls; a node's: form 1, kind 2, form of the body 1, chain 3, sender 11,
signature 4, nonce 5 and 6, its owner's balance 10. Then what its kind asks for, in the order of its checks, all before its first change.

- **Refused** (1 to 31): nothing happens, no nonce is used, there is no receipt.
- **Failed** (32 and above): nonce and fee are used, nothing else happens, the receipt has the code.
- Gas is known beforehand: a transfer ${n(GAS.transfer)}; a call ${n(GAS.call)} + ${n(GAS.chunk)} for each ${GAS.chunkBytes} bytes of data begun + its own; a node
  transaction ${n(GAS.nodeTransaction)} + ${n(GAS.chunk)} for each ${GAS.chunkBytes} bytes of it begun + its own. System transactions cost nothing.
- Duties are free for Active nodes up to \`dutyGasBase\` and \`dutyGasPerStake\` an epoch; beyond that the node's owner pays.
`

/** The page. */
export function transactionsPage(): string {
  return [intro, accountPart(), tokenPart(), nodePart(), systemPart(), governedPart(), codePart(), referencePart()].join('\n')
}

function accountPart(): string {
  const rows = Object.entries(SYSTEM_FUNCTIONS as Readonly<Record<SystemFunctionName, FunctionSchema>>).map(([name, schema]) => {
    const { payable, gas, checks, does } = schema
    return [
      `\`${name}(${argumentText(schema)})\`${payable ? ' P' : ''}`,
      does,
      textOf(checks),
      gasText(GAS[gas], gas === 'bridgeSignature' ? 'signature' : undefined),
    ]
  })
  const meanings = Object.entries(SYSTEM_FUNCTIONS as Readonly<Record<SystemFunctionName, FunctionSchema>>).flatMap(([name, { args }]) =>
    args.map((argument) => [`${name}.${argument.name}`, argument.type, argument.unit ?? '', argument.means]),
  )
  return [
    '## Functions of the system\n',
    'At the address of the bytes `selvedge/system` and five zeros. P: payable in native. Value and amounts in wei are multiples of 10^12.\n',
    table(['function', 'effect', 'checks, each with its code', 'gas'], rows),
    '### Arguments\n',
    table(['argument', 'type', 'unit', 'meaning'], meanings),
  ].join('\n')
}

function tokenPart(): string {
  const rows = Object.entries(TOKEN_FUNCTIONS).map(([name, schema]) => {
    const { checks, does, returns, kind } = schema
    return [`\`${name}(${argumentText(schema)})\``, does, kind, returns, textOf(checks)]
  })
  return [
    '## Functions of a token\n',
    'At the address of the bytes `selvedge/token`, two zeros and the token as u32, big endian. Amounts have six decimals.\n',
    table(['function', 'effect', 'kind', 'returns', 'checks, each with its code'], rows),
  ].join('\n')
}

function nodePart(): string {
  const rows = Object.entries(NODE_KINDS).map(([name, { id, isDuty, body, gas, checks, does }]) => {
    const each = { claimAnswer: 'point', disputeAnswer: 'point', contentUpdate: 'entry', claimDebits: 'pair' }[name]
    const own = (name === 'claimDebits' ? `${n(GAS.default)} and ` : '') + gasText(GAS[gas], each)
    return [`0x${id.toString(16).padStart(2, '0')} ${name}${isDuty ? ' D' : ''}`, body, does, textOf(checks), own]
  })
  return [
    '## Kinds of node transactions\n',
    'D: a duty.\n',
    table(['kind', 'body', 'effect', 'checks, each with its code', 'gas'], rows),
  ].join('\n')
}

function systemPart(): string {
  const rows = Object.entries(SYSTEM_KINDS).map(([name, { id, body, checks, does }]) => [`${id} ${name}`, body, does, textOf(checks)])
  return ['## System transactions\n', table(['kind', 'body', 'effect', 'checks, each with its code'], rows)].join('\n')
}

function governedPart(): string {
  const actions = Object.entries(GOVERNED_ACTIONS).map(([name, { id, fields, bounds, does }]) => [`${id} ${name}`, fields, does, bounds])
  const parameters = Object.entries(PARAMETERS).map(([name, { id, unit, main, dev, min, max, means }]) => {
    return [`${id} ${name}`, means, unit, n(main), n(dev), n(min), n(max)]
  })
  return [
    '## What governors decide\n',
    'The `action` of `govern`: its kind, one byte, and its fields. What is beyond its bounds is refused with 46 when it is approved, and dropped when',
    'its epoch begins. Keys: `threshold u8 · count u8 · account 20 × count`, ascending, 1 to 100, a threshold that they can meet.\n',
    table(['kind', 'fields', 'effect', 'bounds'], actions),
    '### Governed parameters\n',
    'Together: `burnPpm`, `servicePpm` and `protocolPpm` at most 900,000; `emissionPpm` · `boostMaxPpm` at most 0.5 · 10^12; the three shares of emission',
    '10^6; `candidateCount` at least `committeeSize`.\n',
    table(['parameter', 'meaning', 'unit', 'main', 'dev', 'least', 'most'], parameters),
  ].join('\n')
}

function codePart(): string {
  const rows = Object.entries(CODE_WORDS).map(([code, words]) => [code, words])
  return ['## Codes\n', 'A test reaches each of them.\n', table(['code', 'words'], rows)].join('\n')
}

function referencePart(): string {
  const there = (rows: readonly ReferenceRow[]): string =>
    table(
      ['there', 'here', ''],
      rows.map((row) => [...row]),
    )
  return [
    '## What the network before it had\n',
    'The ledger that this one takes the place of, method by method: what was kept, what took its place, what was left out and why.\n',
    '### Methods\n',
    there(METHODS),
    '### Parameters\n',
    there(PARAMETERS_THERE),
    '### Errors\n',
    there(ERRORS),
    '### Defects\n',
    'What went wrong there, and the test that would find it here.\n',
    table(
      ['defect', 'test'],
      DEFECTS.map(([defect, test]) => [defect, `\`${test}\``]),
    ),
    'What went wrong there outside of the ledger, and whose test would find it here.\n',
    table(
      ['defect', 'here', 'test'],
      DEFECTS_ELSEWHERE.map(([defect, { room, test }]) => [defect, `\`${room}\``, `\`${test}\``]),
    ),
  ].join('\n')
}

function argumentText({ args }: Pick<FunctionSchema, 'args'>): string {
  return args.map(({ name, type }) => `${type} ${name}`).join(', ')
}

function gasText(gas: number, each: string | undefined): string {
  return each === undefined ? n(gas) : `${n(gas)} a ${each}`
}

function textOf(checks: Checks): string {
  return checks.map(([code, demand]) => `${demand} → ${code}`).join('; ')
}

function n(value: number): string {
  return value.toLocaleString('en-US')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n')
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, 'transactions.md'), transactionsPage())
