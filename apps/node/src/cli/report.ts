/**
 * What a command says: results on stdout, everything else on stderr. With `--json` a result is one line of JSON.
 */
export interface Report {
  readonly isJson: boolean
  /** A line for people; nothing with `--json`. */
  say(line: string): void
  /** A result: its fields with `--json`, else its lines. */
  result(fields: Readonly<Record<string, unknown>>, ...lines: string[]): void
}

export function createReport(isJson: boolean): Report {
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  return {
    isJson,
    say: (line) => {
      if (!isJson) write(line)
    },
    result: (fields, ...lines) => {
      if (isJson) write(JSON.stringify(fields))
      else for (const line of lines) write(line)
    },
  }
}
