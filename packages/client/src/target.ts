import { CID } from 'multiformats/cid'
import { fromHex, toHex } from './address.ts'
import { ClientError } from './errors.ts'

/** What is asked for: a CID (always as version 1) or a BLAKE3 root. */
export type Target = { readonly kind: 'cid'; readonly cid: CID } | { readonly kind: 'root'; readonly root: Uint8Array }

/** A CID of any installed copy of multiformats: told by its bytes, never by `instanceof`. */
export interface CidLike {
  readonly version: number
  readonly bytes: Uint8Array
}

const ROOT_BYTES = 32

/**
 * A CID, a CID's text, a root of 32 bytes, or a root's 64 hex digits.
 * @throws {ClientError} `CLIENT_BAD_ARGUMENT`
 */
export function targetOf(address: CidLike | Uint8Array | string): Target {
  if (typeof address === 'string') return targetOfText(address.trim())
  if ('bytes' in address) return { kind: 'cid', cid: asV1(() => CID.decode(address.bytes)) }
  if (address.length !== ROOT_BYTES)
    throw new ClientError('CLIENT_BAD_ARGUMENT', `a root must be ${ROOT_BYTES} bytes, got ${address.length}`)
  return { kind: 'root', root: Uint8Array.from(address) } // `slice` of a Buffer is a view
}

function targetOfText(text: string): Target {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return { kind: 'root', root: fromHex(text) }
  return { kind: 'cid', cid: asV1(() => CID.parse(text), text) }
}

/** Version 0 is the same content under an older spelling; on a lane there is one spelling. */
function asV1(parse: () => CID, text = ''): CID {
  try {
    return parse().toV1()
  } catch (cause) {
    const what = text === '' ? 'those bytes are no CID' : `"${text.slice(0, 120)}" is neither a CID nor a root of 64 hex digits`
    throw new ClientError('CLIENT_BAD_ARGUMENT', what, {}, { cause })
  }
}

export function formatTarget(target: Target): string {
  return target.kind === 'cid' ? target.cid.toString() : toHex(target.root)
}
