// Goal: what real members of a ledger sign is verified in headless Chromium too, by who has the genesis file and nothing else.
// Method: four members over two epochs; their epoch proofs, the certificate of a block and a row with its proof go into a page and a worker, where
// the built light client follows them; in this process too, where there may be no browser.
import { nodeKeys } from '@selvedge/application'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { sha256 } from '@selvedge/crypto/sha256'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureBuilt } from '../../../tools/environments/built.ts'
import { runScript } from '../../../tools/environments/run-script.ts'
import { installedRuntimes } from '../../../tools/environments/runtimes.ts'
import { follow, type Followed, type Handed } from './environments/follow.ts'
import { hexOf, TestNetwork } from './ledger-network.ts'

const PACKAGES = join(import.meta.dirname, '..', '..', '..', 'packages')

let folder: string
let network: TestNetwork
let handed: Handed
let followed: Followed

beforeAll(async () => {
  for (const room of ['crypto', 'state-tree', 'ledger-types']) await ensureBuilt(join(PACKAGES, room))
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'browser-'))
  network = await TestNetwork.create(folder, { pace: 3 })
  await network.startAll(() => ({}))
  const application = network.application(1)
  await network.until(() => application.lastApplied().epoch >= 2 && application.lastApplied().index > 0) // a block of that epoch
  const { height, epoch } = application.lastApplied()
  const key = sha256(createKeyPair(network.nodes[2]!.seeds.node).publicKey)
  const { proof, value, stateRoot } = application.prove(nodeKeys.id, key)
  await network.until(() => application.certificateOf(height) !== undefined && application.epochProof(epoch - 1) !== undefined)
  const certificate = application.certificateOf(height)!
  const forged = [20, 100, certificate.length - 1].map((at) => hexOf(certificate.with(at, certificate[at]! ^ 1)))
  handed = {
    genesis: Buffer.from(network.genesisFile).toString('utf8'),
    genesisHash: hexOf(network.genesis.hash),
    epochProofs: Array.from({ length: epoch }, (_, each) => hexOf(application.epochProof(each)!)),
    certificate: hexOf(certificate),
    forged,
    row: { table: nodeKeys.id, key: hexOf(key), value: hexOf(value!), proof: hexOf(proof) },
  }
  followed = { epoch, height, stateRoot: hexOf(stateRoot), refused: forged.map(() => 'LEDGER_BAD_CERTIFICATE') }
}, 300_000)

afterAll(async () => {
  await network.stopAll()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

test('members that sign are believed by a light client in this process', () => {
  expect(follow(handed)).toEqual(followed)
})

for (const runtime of installedRuntimes().filter(({ name }) => name === 'chromium')) {
  test(`members that sign are believed by a light client in ${runtime.name} ${runtime.version}`, { timeout: 240_000 }, async () => {
    const scripts = join(folder, 'test', 'environments')
    await mkdir(scripts, { recursive: true })
    const code = `import { follow } from '../../../../test/environments/follow.ts'\nexport default async () => follow(${JSON.stringify(handed)})\n`
    await writeFile(join(scripts, 'members.ts'), code)
    const report = await runScript(runtime, { folder, packageName: '@selvedge/node', script: 'members.ts' })
    expect(report).toEqual({ page: followed, worker: followed })
  })
}
