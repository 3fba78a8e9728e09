import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { portableEngine } from '../src/ed25519-engine.ts'
import { engines as nodeEngines } from '../src/ed25519-engine.node.ts'
import { isAdmissible } from '../src/ed25519-rules.ts'

/** Published vectors are other projects' data: read where they lie beside the repository. Three of RFC 8032 stand here, so that every clone has answers. */
const folder = join(import.meta.dirname, '../../../../shared/vectors/ed25519')
const isPresent = existsSync(folder)
if (!isPresent) console.info('the other published ed25519 vectors are not on this machine: RFC 8032 and our own (ed25519.test.ts) ran')

interface Case {
  readonly id: number
  readonly publicKey: string
  readonly message: string
  readonly signature: string
  readonly isValid: boolean
}
/** What libsodium answers to the twelve cases of ed25519-speccheck: only the one that needs no cofactor and has no small order. */
const SPECCHECK_VALID = 3

/** RFC 8032, section 7.1, tests 1 to 3. */
const KNOWN: readonly Case[] = [
  {
    id: 1,
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    isValid: true,
  },
  {
    id: 2,
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    isValid: true,
  },
  {
    id: 3,
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    isValid: true,
  },
]

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const engines = [...nodeEngines, portableEngine]

test.each(engines)('$name answers to every published vector as libsodium does', (engine) => {
  const wrong = publishedCases().filter(({ publicKey, message, signature, isValid }) => {
    const parts = [bytesOf(signature), bytesOf(message), bytesOf(publicKey)] as const
    return isValid !== (isAdmissible(parts[0], parts[2]) && engine.isEqual(...parts))
  })
  expect(wrong).toEqual([])
})

test('the vectors of RFC 8032 were read, and where they are all 163 others', () => {
  expect(publishedCases()).toHaveLength(KNOWN.length + (isPresent ? 163 : 0))
})

function publishedCases(): Case[] {
  if (!isPresent) return [...KNOWN]
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'))
  const speccheck = read('speccheck.json') as { message: string; pub_key: string; signature: string }[]
  const { testGroups } = read('wycheproof.json') as {
    testGroups: { publicKey: { pk: string }; tests: { tcId: number; msg: string; sig: string; result: string }[] }[]
  }
  return [
    ...KNOWN,
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
