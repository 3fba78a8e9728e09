/**
 * Blobs and files on disk: kept, opened, read, deleted.
 *
 * Durability order of a large blob: data synced, outboard synced, both renamed to their names, the folder synced, the record
 * appended and synced, the index told, the caller answered. A small one is in its record. A name without a record is an orphan
 * of a crash and is swept at start; a record without a name cannot be, because names come first. Deleting goes the other way:
 * the record first, then the names.
 *
 * What stands in a pack may be moved into another one (`compactor.ts`) between the look into the catalog and the opening of the pack, which is gone then:
 * the reader looks again.
 */
import { toHex } from './bytes.ts'
import type { BlobWriter } from './blob-writer.ts'
import type { Catalog } from './catalog.ts'
import { INLINE_SKELETON_BYTES_MAX } from './constants.ts'
import type { Handles } from './handles.ts'
import { type BlobEntry, type BlockEntry, type FileEntry, isSamePlace } from './index-entries.ts'
import { KeyedLock } from './keyed-lock.ts'
import { type Layout, outboardBytesOf } from './layout.ts'
import { OutboardPages } from './outboard-pages.ts'
import type { PackLog } from './pack-log.ts'
import type { FileSystem, StoredBlob } from './ports.ts'
import { readAtOf } from './read-at.ts'
import { type Place, type RecordParts, encodeBlob, encodeDelete, encodeFile } from './record.ts'
import { readSkeleton, type SkeletonEntry } from './skeleton.ts'
import { Spool } from './spool.ts'
import type { Usage } from './usage.ts'

export interface ContentParts {
  readonly fileSystem: FileSystem
  readonly layout: Layout
  readonly log: PackLog
  readonly catalog: Catalog
  readonly handles: Handles
  readonly usage: Usage
}

export class Content {
  readonly #parts: ContentParts
  /** By root: what gives a blob its names and what takes them away never overlap. */
  readonly #locks = new KeyedLock()
  readonly #pages = new OutboardPages()

  constructor(parts: ContentParts) {
    this.#parts = parts
  }

  /** Keeps what was written. `file`: it is the flat content of this CID. `mayLinger`: nobody waits for it (`pack-log.ts`). */
  async keep(
    writer: BlobWriter,
    file?: { cid: Uint8Array; skeleton: Spool },
    mayLinger = false,
  ): Promise<{ root: Uint8Array; size: number }> {
    const { log, catalog } = this.#parts
    const { root, size, outboard, data } = await writer.finish()
    const skeletonBytes = await file?.skeleton.finish()
    await this.#locks.run(toHex(root), async () => {
      const records: RecordParts[] = []
      const isNew = catalog.blob(root) === undefined
      if (data === undefined) await this.#placeBlob(writer.spool, root, outboard)
      if (isNew) records.push(encodeBlob(root, size, outboard, data))
      if (file !== undefined) {
        if (skeletonBytes === undefined) await this.#placeSkeleton(file.skeleton, file.cid)
        records.push(encodeFile(root, size, file.cid, file.skeleton.size, skeletonBytes))
      }
      if (records.length > 0) await log.append(records, mayLinger)
      if (data === undefined && isNew) this.#parts.usage.fileBytes += size + outboard.length
    })
    return { root, size }
  }

  /** Renames over what may be there: the same bytes by their root, and if those are damaged, whole again. */
  async #placeBlob(spool: Spool, root: Uint8Array, outboard: Uint8Array): Promise<void> {
    const { fileSystem, layout, handles } = this.#parts
    const outboardPart = `${spool.path}.obao4`
    try {
      const file = await fileSystem.open(outboardPart, 'create')
      try {
        await file.write(0, [outboard])
        await file.datasync()
      } finally {
        await file.close()
      }
      await fileSystem.rename(outboardPart, layout.outboard(root))
      await fileSystem.rename(spool.path, layout.data(root))
      await fileSystem.syncDirectory(layout.blobs)
    } finally {
      await fileSystem.remove(outboardPart)
      await handles.forget(layout.outboard(root))
      await handles.forget(layout.data(root))
    }
  }

  async #placeSkeleton(skeleton: Spool, cid: Uint8Array): Promise<void> {
    const { fileSystem, layout, handles, usage } = this.#parts
    await fileSystem.rename(skeleton.path, layout.skeleton(cid))
    await fileSystem.syncDirectory(layout.skeletons)
    await handles.forget(layout.skeleton(cid))
    usage.fileBytes += skeleton.size
  }

  /** For the bytes of a skeleton on their way in. */
  createSkeletonSpool(path: string): Spool {
    return new Spool({ fileSystem: this.#parts.fileSystem, path, inlineBytesMax: INLINE_SKELETON_BYTES_MAX })
  }

  /** Bytes of a blob. @throws {BlockstoreError} `BLOCKSTORE_DAMAGED` when they are not there. */
  read(blob: BlobEntry, offset: number, length: number): Promise<Uint8Array> {
    const { catalog, handles, layout } = this.#parts
    if (blob.place === undefined) return handles.read(layout.data(blob.root), offset, length)
    return this.#readPacked(blob.place, () => catalog.blob(blob.root)?.place, offset, length)
  }

  readSkeleton(file: FileEntry, offset: number, length: number): Promise<Uint8Array> {
    const { catalog, handles, layout } = this.#parts
    if (file.skeletonPlace === undefined) return handles.read(layout.skeleton(file.cid), offset, length)
    return this.#readPacked(file.skeletonPlace, () => catalog.file(file.id)?.skeletonPlace, offset, length)
  }

  /** A block that stands for itself, by its multihash. */
  readBlock(key: Uint8Array, { place, length }: BlockEntry): Promise<Uint8Array> {
    return this.#readPacked(place, () => this.#parts.catalog.block(key)?.place, 0, length)
  }

  /** @param find - where it stands by now. */
  async #readPacked(place: Place, find: () => Place | undefined, offset: number, length: number): Promise<Uint8Array> {
    const { handles, log } = this.#parts
    try {
      return await handles.read(log.pathOf(place.pack), place.offset + offset, length)
    } catch (error) {
      const now = find()
      if (now === undefined || isSamePlace(now, place)) throw error
      return await this.#readPacked(now, find, offset, length)
    }
  }

  entriesOf(file: FileEntry): AsyncIterable<SkeletonEntry> {
    return readSkeleton(file.skeletonBytes, (offset, length) => this.readSkeleton(file, offset, length))
  }

  /** The files stay open until `close`, so a delete meanwhile does not disturb the reader. */
  async open(root: Uint8Array): Promise<StoredBlob | undefined> {
    const { catalog } = this.#parts
    let blob = catalog.blob(root)
    while (blob !== undefined) {
      try {
        return await this.#open(blob)
      } catch (error) {
        const now = catalog.blob(root)
        if (now !== undefined && isSamePlace(now.place, blob.place)) throw error
        blob = now
      }
    }
    return undefined
  }

  async #open(blob: BlobEntry): Promise<StoredBlob> {
    const { handles, layout, log } = this.#parts
    const { root } = blob
    const outboardBytes = outboardBytesOf(blob.size)
    const { place } = blob
    const dataHandle = await handles.acquire(place === undefined ? layout.data(root) : log.pathOf(place.pack))
    try {
      if (place !== undefined) {
        const data = readAtOf(dataHandle, place.offset, blob.size)
        const outboard = readAtOf(dataHandle, place.offset + blob.size, outboardBytes)
        return { root, size: blob.size, data, outboard, close: dataHandle.release }
      }
      const outboardHandle = await handles.acquire(layout.outboard(root))
      const close = async (): Promise<void> => {
        await dataHandle.release()
        await outboardHandle.release()
      }
      const data = readAtOf(dataHandle, 0, blob.size)
      return { root, size: blob.size, data, outboard: this.#pages.of(outboardHandle, outboardBytes), close }
    } catch (error) {
      await dataHandle.release()
      throw error
    }
  }

  delete(root: Uint8Array): Promise<boolean> {
    const { catalog, log, usage } = this.#parts
    return this.#locks.run(toHex(root), async () => {
      const blob = catalog.blob(root)
      if (blob === undefined) return false
      const files = catalog.filesOf(root)
      await log.append([encodeDelete(root)])
      if (blob.place === undefined) {
        await this.removeFiles(root)
        usage.fileBytes -= blob.size + outboardBytesOf(blob.size)
      }
      for (const file of files) {
        if (file.skeletonPlace !== undefined) continue
        await this.removeSkeleton(file.cid)
        usage.fileBytes -= file.skeletonBytes
      }
      return true
    })
  }

  async removeFiles(root: Uint8Array): Promise<void> {
    const { fileSystem, handles, layout } = this.#parts
    for (const path of [layout.data(root), layout.outboard(root)]) {
      await handles.forget(path)
      await fileSystem.remove(path)
    }
  }

  async removeSkeleton(cid: Uint8Array): Promise<void> {
    const { fileSystem, handles, layout } = this.#parts
    await handles.forget(layout.skeleton(cid))
    await fileSystem.remove(layout.skeleton(cid))
  }
}
