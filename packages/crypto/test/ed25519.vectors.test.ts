import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { portableEngine } from '../src/ed25519-engine.ts'
import { engines as nodeEngines } from '../src/ed25519-engine.node.ts'
import { isAdmissible } from '../src/ed25519-rules.ts'

/** Published vectors are other projects' data: read where they lie beside the repository, never copied into it. */
const folder = join(import.meta.dirname, '../../../../shared/vectors/ed25519')
const isPresent = existsSync(folder)
if (!isPresent) console.info('the published ed25519 vectors are not on this machine: only our own cases (ed25519.test.ts) ran')

interface Case {
  readonly id: number
  readonly publicKey: string
  readonly message: string
  readonly signature: string
  readonly isValid: boolean
}
/** What libsodium answers to the twelve cases of ed25519-speccheck: only the one that needs no cofactor and has no small order. */
const SPECCHECK_VALID = 3

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const engines = [...nodeEngines, portableEngine]

test.each(engines)('$name answers to every published vector as libsodium does', (engine) => {
  const wrong = publishedCases().filter(({ publicKey, message, signature, isValid }) => {
    const parts = [bytesOf(signature), bytesOf(message), bytesOf(publicKey)] as const
    return isValid !== (isAdmissible(parts[0], parts[2]) && engine.isEqual(...parts))
  })
  expect(wrong).toEqual([])
})

test('all 163 published vectors were read, where they are', () => {
  expect(publishedCases()).toHaveLength(isPresent ? 163 : 0)
})

function publishedCases(): Case[] {
  if (!isPresent) return []
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'))
  const speccheck = read('speccheck.json') as { message: string; pub_key: string; signature: string }[]
  const { testGroups } = read('wycheproof.json') as {
    testGroups: { publicKey: { pk: string }; tests: { tcId: number; msg: string; sig: string; result: string }[] }[]
  }
  return [
    ...speccheck.map(({ message, pub_key: publicKey, signature }, id) => ({
      id,
      publicKey,
      message,
      signature,
      isValid: id === SPECCHECK_VALID,
    })),
    ...testGroups.flatMap(({ publicKey, tests }) =>
      tests.map(({ tcId, msg, sig, result }) => ({
        id: tcId,
        publicKey: publicKey.pk,
        message: msg,
        signature: sig,
        isValid: result === 'valid',
      })),
    ),
  ]
}
