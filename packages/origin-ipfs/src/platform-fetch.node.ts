/**
 * Requests on Node's own HTTP client, because two things are needed that `fetch` does not offer: to connect to the very
 * address that was checked (a name may resolve to loopback, or to another address the second time), and a deadline on connecting.
 */
import { lookup as resolveName } from 'node:dns'
import type * as http from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { createRequire } from 'node:module'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import type { AddressPolicy } from './address-policy.ts'
import { OriginError } from './errors.ts'
import type { PlatformFetch } from './platform-fetch.ts'
import type { FetchAnswer, FetchInit } from './ports.ts'

// Not `import`, which reads all that a module of Node exports: here a WebSocket too, whose loading is 60 ms of CPU at each start.
const { Agent: HttpAgent, request: httpRequest } = createRequire(import.meta.url)('node:http') as typeof http

export function createPlatformFetch(policy: AddressPolicy, connectMs: number): PlatformFetch {
  const agents = { 'http:': new HttpAgent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) }
  return {
    async fetch(text, init) {
      const url = new URL(text)
      const isListed = policy.isListed(url)
      const host = url.hostname.replace(/^\[|\]$/g, '')
      if (!isListed && isIP(host) !== 0) assertPublic(host, url)
      return await send(
        url,
        init,
        url.protocol === 'https:' ? agents['https:'] : agents['http:'],
        isListed ? undefined : publicLookup(url),
        connectMs,
      )
    },
    stop() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

function send(url: URL, init: FetchInit, agent: http.Agent, lookup: LookupFunction | undefined, connectMs: number): Promise<FetchAnswer> {
  return new Promise((resolve, reject) => {
    const options = { method: init.method, headers: init.headers, agent, ...(lookup === undefined ? {} : { lookup }) }
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options)
    request.once('socket', (socket) => {
      if (!socket.connecting) return
      const timer = setTimeout(() => {
        request.destroy(new OriginError('ORIGIN_TIMEOUT', `${url.origin} took no connection for ${connectMs} ms`, { url: url.href }))
      }, connectMs)
      const clear = (): void => clearTimeout(timer)
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', clear)
      socket.once('close', clear)
    })
    // Not the `signal` of `request`: an abort just after a short answer destroys the socket on its way back to the agent, where nobody listens.
    let response: http.IncomingMessage | undefined
    const abort = (): void => void (response ?? request).destroy(init.signal.reason)
    init.signal.addEventListener('abort', abort, { once: true })
    request.once('close', () => init.signal.removeEventListener('abort', abort))
    request.on('error', reject)
    request.once('response', (incoming) => {
      response = incoming
      incoming.on('error', () => undefined) // whoever reads the body sees it
      try {
        resolve(answerOf(incoming, url))
      } catch (error) {
        incoming.destroy()
        reject(error as Error)
      }
    })
    if (init.signal.aborted) abort()
    request.end()
  })
}

function answerOf(response: http.IncomingMessage, url: URL): FetchAnswer {
  const { 'content-encoding': encoding = 'identity' } = response.headers
  if (encoding !== 'identity')
    throw new OriginError('ORIGIN_BAD_ANSWER', `${url.origin} sent ${encoding} although identity was asked`, { url: url.href })
  const get = (name: string): string | null => {
    const value = response.headers[name.toLowerCase()]
    return value === undefined ? null : typeof value === 'string' ? value : value.join(', ')
  }
  return { status: response.statusCode ?? 0, headers: { get }, body: response }
}

/** Resolves a name and hands over only addresses that may be connected to. */
function publicLookup(url: URL): LookupFunction {
  return (hostname, options, callback) => {
    resolveName(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const open = addresses.filter(({ address }) => isPublicAddress(address))
      const [first] = open
      if (first === undefined) return callback(refusal(addresses[0]?.address ?? hostname, url), [])
      if (options.all === true) callback(null, open)
      else callback(null, first.address, first.family)
    })
  }
}

function assertPublic(address: string, url: URL): void {
  if (!isPublicAddress(address)) throw refusal(address, url)
}

function refusal(address: string, url: URL): OriginError {
  return new OriginError('ORIGIN_REFUSED_ADDRESS', `${url.host} leads to ${address}, which is not public`, { url: url.href })
}

/** Everything that IANA registers as special-purpose and not globally reachable; cloud metadata lies in link-local. */
const SPECIAL = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  SPECIAL.addSubnet(network, prefix, 'ipv4')
}

/** Global unicast, without what carries an IPv4 address inside (6to4, Teredo) or is set aside. */
const GLOBAL6 = new BlockList()
GLOBAL6.addSubnet('2000::', 3, 'ipv6')
const SPECIAL6 = new BlockList()
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  SPECIAL6.addSubnet(network, prefix, 'ipv6')
}

export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !SPECIAL.check(address, 'ipv4')
  return family === 6 && GLOBAL6.check(address, 'ipv6') && !SPECIAL6.check(address, 'ipv6')
}
