// A worker of Cloudflare, Deno or Bun before a bucket: nobody gets a byte of it that is not in ROOT
import { parseRoot } from '@selvedge/verified-streaming'
import { createVerifiedResponder } from '@selvedge/verified-streaming/service-worker'

let respond // kept: what one request learnt of size and proof serves the next
export default {
  async fetch(request, { BUCKET, ROOT }) {
    respond ??= createVerifiedResponder({
      rootOf: ({ pathname }) => (pathname === '/film.webm' ? parseRoot(ROOT) : undefined),
      contentUrlOf: ({ pathname }) => new URL(pathname, BUCKET), // its outboard lies beside it, as film.webm.obao4
      contentTypeOf: () => 'video/webm',
    })
    return (await respond(request)) ?? new Response('no such file', { status: 404 })
  },
}
