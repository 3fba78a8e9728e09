/** Ends this process without a word when whoever reads its output leaves (`selvedge get CID | head -c 100`), as SIGPIPE would. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(141)
    throw error
  })
}
