import { ClientError } from './errors.ts'

/** What `read` gives, the first time. @param what - with its article, for the error. */
export function readOnce<T>(what: string, read: () => T): () => T {
  let isTaken = false
  return () => {
    if (isTaken) throw new ClientError('CLIENT_BAD_ARGUMENT', `${what} can be read once`)
    isTaken = true
    return read()
  }
}
