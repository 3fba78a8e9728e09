/**
 * Where a request may go (ipfs.md §1.7). What the operator listed, it may; a redirect elsewhere only by https, to a usual
 * port, without credentials, and (checked when connecting, on Node) to a public address.
 */
import { OriginError } from './errors.ts'

const PORTS: ReadonlySet<string> = new Set(['', '80', '443', '8080', '8443'])

export interface AddressPolicy {
  /** The listed base URLs, without a slash at the end. */
  readonly gateways: readonly string[]
  /** Whether `url` lies at a listed gateway's origin, so that its address needs no check. */
  isListed(url: URL): boolean
  /** @throws {OriginError} `ORIGIN_REFUSED_ADDRESS`, `ORIGIN_REDIRECT` */
  redirected(from: URL, location: string | null): URL
}

/** @throws {TypeError} a listed gateway that is no http or https URL, or has credentials or a query. */
export function createAddressPolicy(listed: readonly string[]): AddressPolicy {
  const bases = listed.map(parseGateway)
  const origins = new Set(bases.map(({ origin }) => origin))
  const isListed = (url: URL): boolean => origins.has(url.origin)
  return {
    gateways: bases.map(({ href }) => href.replace(/\/+$/, '')),
    isListed,
    redirected(from, location) {
      const target = parseLocation(from, location)
      if (target.username !== '' || target.password !== '') throw refused(target, 'has credentials')
      if (isListed(target)) return target
      if (target.protocol !== 'https:') throw refused(target, 'is not https, nor at a listed gateway')
      if (!PORTS.has(target.port) && Number(target.port) < 1_024) throw refused(target, `is at port ${target.port}`)
      return target
    },
  }
}

function parseGateway(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.password !== '' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw new TypeError(`a gateway must be an http or https URL without credentials or query, got ${JSON.stringify(text)}`)
  }
  return url
}

function parseLocation(from: URL, location: string | null): URL {
  if (location === null || !URL.canParse(location, from.href)) {
    throw new OriginError('ORIGIN_REDIRECT', `${from.origin} redirects to ${JSON.stringify(location)}`, { url: from.href })
  }
  return new URL(location, from.href)
}

function refused(url: URL, why: string): OriginError {
  return new OriginError('ORIGIN_REFUSED_ADDRESS', `the redirect to ${url.origin} ${why}`, { url: url.href })
}
