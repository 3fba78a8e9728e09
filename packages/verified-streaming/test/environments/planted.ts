/** A script that fails: the runner must say so, in every runtime. */
export default function plant(): Promise<never> {
  return Promise.reject(new Error('planted'))
}
