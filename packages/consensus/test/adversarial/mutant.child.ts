/** One mutant in a process of its own: `node mutant.child.ts ID FIRST COUNT [SEED …]` tries the named seeds, then COUNT from FIRST on. */
import { hunt } from './hunt.ts'
import { loadMutated } from './mutated.ts'
import { mutants } from './mutants/all.ts'

const [id = '', first = '1', count = '10000', ...known] = process.argv.slice(2)
const mutant = mutants.find((each) => each.id === id)
if (mutant === undefined) throw new Error(`no mutant is called ${id}`)
const mutated = await loadMutated(mutant)
function* seeds(): Generator<number> {
  yield* known.map(Number)
  for (let seed = Number(first); seed < Number(first) + Number(count); seed++) yield seed
}
process.stdout.write(`${JSON.stringify({ id, kill: hunt(mutant, mutated, seeds()) })}\n`)
