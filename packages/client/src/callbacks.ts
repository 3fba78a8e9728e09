/** Calls a caller's callbacks, and keeps what the first one throws: that is no node's failure, and goes to the caller as it is. */
export class Callbacks {
  thrown: { readonly error: unknown } | undefined

  call<T>(callback: ((value: T) => void) | undefined, value: T): void {
    try {
      callback?.(value)
    } catch (error) {
      this.thrown ??= { error }
      throw error
    }
  }
}
