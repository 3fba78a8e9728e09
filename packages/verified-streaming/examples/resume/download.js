// node download.js ROOT FILE URL ...: started again after a crash, it goes on where it was
import { createSink, openVerified, parseRoot } from '@selvedge/verified-streaming'
import { openFileStore } from '@selvedge/verified-streaming/file-store'

const [rootText, path, ...hosts] = process.argv.slice(2)
const root = parseRoot(rootText)
const store = await openFileStore(path)
const sink = createSink(root, { store, state: store.state }) // with what an earlier run has saved
const saving = setInterval(() => store.save(sink), 1000)
for (const url of hosts) {
  const ranges = sink.missing()
  if (sink.isComplete) break
  const encoded = openVerified(url, root).encode(ranges)
  await sink.receive(encoded, { ranges, source: url }).catch(({ code, message }) => console.error(`${url}: ${code} ${message}`))
}
clearInterval(saving)
await store.save(sink)
await store.finish(sink) // throws VERIFY_INCOMPLETE when no host had the rest
