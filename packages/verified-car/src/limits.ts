import { CarError } from './errors.ts'

const KIB = 2 ** 10
const MIB = 2 ** 20

/**
 * Bounds on what a hostile source or DAG can make us hold or do (ipfs.md §1.3).
 * Every one may be lowered by the caller and none raised: a value above its default is refused.
 */
export interface Limits {
  /** One block. The smallest thing that can be checked, so also the most unverified data held. @default 2 MiB */
  readonly blockBytesMax?: number
  /** The header of a CAR. @default 64 KiB */
  readonly headerBytesMax?: number
  /** The inline data of an identity CID. @default 128 */
  readonly identityBytesMax?: number
  /** Links of one node. @default 65,536 */
  readonly linksMax?: number
  /** Levels below a file's root. @default 32 */
  readonly fileDepthMax?: number
  /** Levels below the root, of any kind. @default 1,024 */
  readonly depthMax?: number
  /** Links that wait on the stack of the walk, in bytes. @default 8 MiB */
  readonly stackBytesMax?: number
  /** All blocks of one walk together: a small DAG with repeated links can unfold without end. @default 1 TiB */
  readonly outputBytesMax?: number
  /**
   * Files, directories and other nodes of a walk of scope `all`, the root and each repeat included: inline ones cost a source next to nothing, and
   * whoever keeps them a record each. @default 4,194,304
   */
  readonly entriesMax?: number
  /** Bytes after the last wanted block that are read to let a connection end cleanly. @default 64 KiB */
  readonly trailingBytesMax?: number
  /** Segments of a path. @default 256 */
  readonly pathSegmentsMax?: number
}

export const DEFAULT_LIMITS: Required<Limits> = {
  blockBytesMax: 2 * MIB,
  headerBytesMax: 64 * KIB,
  identityBytesMax: 128,
  linksMax: 65_536,
  fileDepthMax: 32,
  depthMax: 1_024,
  stackBytesMax: 8 * MIB,
  outputBytesMax: 2 ** 20 * MIB,
  entriesMax: 4 * MIB,
  trailingBytesMax: 64 * KIB,
  pathSegmentsMax: 256,
}

/** The defaults with the caller's lower values. @throws {RangeError} a limit that is no whole number from 0 to its default. */
export function limitsOf(limits: Limits = {}): Required<Limits> {
  if (Object.keys(limits).length === 0) return DEFAULT_LIMITS // each walk asks, and there is one a file
  const result: Record<string, number> = { ...DEFAULT_LIMITS }
  for (const [name, fallback] of Object.entries(DEFAULT_LIMITS)) {
    const value = limits[name as keyof Limits]
    if (value === undefined) continue // an explicit undefined must not switch the limit off
    if (!Number.isInteger(value) || value < 0 || value > fallback) {
      throw new RangeError(`limit ${name} must be a whole number from 0 to ${fallback}, got ${value}`)
    }
    result[name] = value
  }
  return result as unknown as Required<Limits>
}

/** @param cid - made text only where it is told: that costs as much as the hash of a small block. */
export function assertBlockFits(bytes: number, limits: Required<Limits>, cid: { toString(): string }): void {
  if (bytes <= limits.blockBytesMax) return
  const text = cid.toString()
  throw new CarError('CAR_TOO_LARGE', `block ${text} has ${bytes} bytes, at most ${limits.blockBytesMax} are allowed`, { cid: text, bytes })
}
