/** Waits until `isTrue`, looking at each turn of the event loop; the test's own time-out ends it. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2))
}
