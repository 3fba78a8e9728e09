import { expect, test } from 'vitest'
import { checkRooms } from '../check-rooms.ts'
import { browserEntriesOf, isAllowed, roomNamed, rooms } from '../rooms.ts'
import { linesOf, manifest, plant, type Tree } from './planted.ts'

const crypto = { 'packages/crypto/package.json': manifest('crypto'), 'packages/crypto/src/index.ts': 'export const a = 1\n' }
const workspace = (...names: string[]): object => ({
  dependencies: Object.fromEntries(names.map((name) => [`@selvedge/${name}`, 'workspace:*'])),
})

/** With every entry that the room has for browsers. */
const handshake = (): object => {
  const entries = browserEntriesOf(roomNamed('handshake')!).map((entry) => [entry, { '@selvedge/source': './src/index.ts' }])
  return manifest('handshake', { ...workspace('crypto'), exports: Object.fromEntries(entries) })
}

function findingsIn(tree: Tree): string[] {
  const root = plant(tree)
  return linesOf(root, checkRooms(root))
}

test('a tree that keeps the rules has no findings', () => {
  expect(
    findingsIn({
      ...crypto,
      'packages/handshake/package.json': handshake(),
      'packages/handshake/src/index.ts': "export { a } from '@selvedge/crypto'\nexport type { B } from './b.ts'\n",
      'packages/handshake/src/b.ts': 'export type B = 1\n',
      'packages/handshake/src/server.ts': "import { connect } from 'node:tls'\nexport const c = connect\n",
    }),
  ).toEqual([])
})

test.each([
  ['a value', "import { a } from '@selvedge/client'\nexport const b = a\n"],
  ['a type', "import type { A } from '@selvedge/client'\nexport type B = A\n"],
  ['an inline type', "export type B = import('@selvedge/client').A\n"],
  ['a dynamic import', "export const b = await import('@selvedge/client')\n"],
  ['a re-export', "export * from '@selvedge/client'\n"],
  ['a subpath', "import '@selvedge/client/deep'\n"],
])('an import upwards by %s is reported with its file and line', (_, text) => {
  const found = findingsIn({ ...crypto, 'packages/crypto/src/index.ts': `\n${text}`, 'packages/client/package.json': manifest('client') })
  expect(found).toContain('packages/crypto/src/index.ts:2: crypto (floor 0) may not import client (floor 4)')
})

test('a sideways import between wings is reported', () => {
  const tree = { 'packages/fetcher/package.json': manifest('fetcher'), 'packages/fetcher/src/index.ts': "import '@selvedge/origin-ipfs'\n" }
  expect(findingsIn(tree)).toContain('packages/fetcher/src/index.ts:1: fetcher (floor 3) may not import origin-ipfs (floor 3)')
})

test('a room that stands alone may not import the shared contracts, though its tests may', () => {
  const interfaceRoom = { 'packages/interface/package.json': manifest('interface'), 'packages/interface/src/index.ts': '' }
  const devDependencies = { '@selvedge/interface': 'workspace:*' }
  const found = findingsIn({
    ...interfaceRoom,
    'packages/blockstore/package.json': manifest('blockstore', { devDependencies }),
    'packages/blockstore/src/index.ts': "import type {} from '@selvedge/interface'\n",
    'packages/blockstore/test/fits.test.ts': "import type {} from '@selvedge/interface'\n",
  })
  expect(found).toEqual(['packages/blockstore/src/index.ts:1: blockstore (floor 2) may not import interface (floor 0)'])
})

test('a dependency that the table does not allow is reported though nothing imports it', () => {
  const tree = { ...crypto, 'packages/gateway/package.json': manifest('gateway', workspace('crypto')), 'packages/gateway/src/index.ts': '' }
  expect(findingsIn(tree)).toEqual([
    'packages/gateway/package.json: gateway (floor 4) may not import crypto (floor 0): it is declared as a dependency',
  ])
})

test('an optional peer that a file cannot load without is reported; a type of it, and what may fail, are not', () => {
  const peers = { peerDependencies: { ws: '^8.0.0' }, peerDependenciesMeta: { ws: { optional: true } } }
  const found = findingsIn({
    'packages/crypto/package.json': manifest('crypto', peers),
    'packages/crypto/src/index.ts': "import type { A } from 'ws'\nexport const a = (): Promise<A> => import('ws')\n",
    'packages/crypto/src/door.ts': "import { b } from 'ws'\nexport const c = b\n",
  })
  expect(found).toEqual(['packages/crypto/src/door.ts:1: cannot load without ws, an optional peer that nobody has to install'])
})

test('a subpath that is not exported, and a dependency that is not declared, are reported', () => {
  const tree = {
    ...crypto,
    'packages/handshake/package.json': handshake(),
    'packages/handshake/src/index.ts': "import '@selvedge/crypto/src/secret.ts'\nimport 'left-pad'\n",
  }
  expect(findingsIn(tree)).toEqual([
    'packages/handshake/src/index.ts:1: imports @selvedge/crypto/src/secret.ts, which @selvedge/crypto does not export',
    'packages/handshake/src/index.ts:2: imports left-pad, which its package.json does not declare',
  ])
})

test('a built-in of Node in browser-safe code is reported, and reached by a detour too', () => {
  const found = findingsIn({
    ...crypto,
    'packages/crypto/src/index.ts': "export * from './a.ts'\n",
    'packages/crypto/src/a.ts': "export * from './disk.node.ts'\n",
    'packages/crypto/src/b.ts': "import 'fs'\n",
    'packages/crypto/src/disk.node.ts': "import 'node:fs'\n",
  })
  expect(found).toEqual([
    'packages/crypto/src/b.ts:1: crypto is browser-safe: fs belongs into a file named *.node.ts',
    'packages/crypto/src/disk.node.ts:1: the browser entry . reaches node:fs',
  ])
})

test('files that import each other are reported, types included', () => {
  const found = findingsIn({
    ...crypto,
    'packages/crypto/src/a.ts': "import type { B } from './b.ts'\nexport type A = B\n",
    'packages/crypto/src/b.ts': "import type { A } from './a.ts'\nexport type B = A\n",
  })
  expect(found).toEqual(['packages/crypto/src/a.ts: imports itself: a.ts -> b.ts -> a.ts'])
})

test('a package that is no room is reported', () => {
  expect(findingsIn({ 'packages/utils/package.json': manifest('utils') })).toEqual(['packages/utils: is no room: add it to tools/rooms.ts'])
})

test('the table itself opens no door upwards or between wings', () => {
  for (const from of rooms) {
    for (const to of rooms.filter((each) => isAllowed(from, each) && each.name !== 'interface')) {
      expect(`${from.name} -> ${to.name}: ${to.floor < from.floor}`).toBe(`${from.name} -> ${to.name}: true`)
    }
  }
  expect(roomNamed('consensus')?.wing).toBe('ledger')
})
