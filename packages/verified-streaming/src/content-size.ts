/**
 * A content size that says in its type whether it has been proven. The size at the head of an encoding is the sender's word
 * until the last chunk has been verified against the root: only then can nothing follow it (spec §1.4).
 */
export type ContentSize =
  | { readonly state: 'unverified' /** The sender's word; absent until it came. */; readonly claimed: number | undefined }
  | { readonly state: 'verified'; readonly bytes: number }

/** Nothing is known. */
export const UNKNOWN_SIZE: ContentSize = { state: 'unverified', claimed: undefined }
