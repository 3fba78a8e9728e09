/**
 * How a download opens what it keeps of unfinished files. Their names are known beforehand, so somebody else's link may stand there: it is not
 * followed, as what a link leads to is not the download's. And nothing that is no file keeps a thread waiting, as a pipe without a writer would.
 */
import { constants } from 'node:fs'

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants

export const READ: number = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
/** Follows links: only looked at, and whatever is proven there is as good. */
export const LOOK: number = O_RDONLY | O_NONBLOCK
export const WRITE_ON: number = O_RDWR | O_CREAT | O_NOFOLLOW
export const WRITE_ANEW: number = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK
export const APPEND: number = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK
