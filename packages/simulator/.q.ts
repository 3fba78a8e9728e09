import { createEngine, createAdversarialScheduler, createRandom } from '@selvedge/simulator'
for (const n of [1e4, 1e5, 1e6]) {
  const e = createEngine()
  const r = createRandom(1)
  const k = e.kind('h', (a, b, p) => {
    e.schedule(e.now() + r.next() * 1000, k, a, b, undefined)
  })
  for (let i = 0; i < n; i++) e.schedule(r.next() * 1000, k, i, 0, undefined)
  for (let i = 0; i < n; i++) e.step()
  const t = performance.now()
  for (let i = 0; i < 2e6; i++) e.step()
  console.log(n, 2e3 / (performance.now() - t), 'M/s')
}
for (const n of [4, 10, 100]) {
  const s = createAdversarialScheduler<number>(createRandom(1), { receivers: n })
  const r = createRandom(2)
  for (let i = 0; i < n * n * 3; i++) s.add(r.below(n), r.below(n), i)
  const run = (c: number) => {
    for (let i = 0; i < c; i++) {
      const d = s.next()!
      s.add(d.author, d.receiver, d.item)
    }
  }
  run(2e5)
  const t = performance.now()
  run(2e6)
  console.log(n, 2e3 / (performance.now() - t), 'M picks/s')
}
