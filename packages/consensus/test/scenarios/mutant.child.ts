/** One mutant in a process of its own: `node mutant.child.ts ID FIRST COUNT [SEED …]` tries the named seeds, then COUNT from FIRST on. */
import type { Mode } from '../../src/dag/contract.ts'
import { importMutated } from '../adversarial/mutated.ts'
import type { CoreMaker } from './member.ts'
import { coreMutants } from './mutants.ts'
import { playSchedule } from './schedule.ts'

const [id = '', first = '1', count = '1000', ...known] = process.argv.slice(2)
const mutant = coreMutants.find((each) => each.id === id)
if (mutant === undefined) throw new Error(`no mutant is called ${id}`)
const [certified, uncertified] = await importMutated(mutant, ['core/certified-core.ts', 'core/uncertified.ts'])
const { createCertifiedCore } = certified as { readonly createCertifiedCore: CoreMaker }
const { createUncertifiedCore } = uncertified as { readonly createUncertifiedCore: CoreMaker }
const cores: Readonly<Record<Mode, CoreMaker>> = { certified: createCertifiedCore, uncertified: createUncertifiedCore }

function* seeds(): Generator<number> {
  yield* known.map(Number)
  for (let seed = Number(first); seed < Number(first) + Number(count); seed++) yield seed
}

let schedules = 0
let kill: object | undefined
for (const seed of seeds()) {
  schedules++
  const { broken, plan } = playSchedule(mutant.mode, seed, () => cores[mutant.mode])
  if (broken === undefined) continue
  kill = { seed, schedules, size: plan.size, invariant: broken.invariant, message: broken.message.split('\n')[0] }
  break
}
process.stdout.write(`${JSON.stringify({ id, kill })}\n`)
