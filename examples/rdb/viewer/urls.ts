/** View of a table. The URL holds all state of the page, since each request is answered by another process. */
export interface TableView {
  name: string
  from: number
  rows: number
  sort: string
}

export const ROWS_PER_PAGE = 50
export const MOST_ROWS_PER_PAGE = 1000

export function tableUrl({ name, from = 0, rows = ROWS_PER_PAGE, sort = '' }: Partial<TableView>): string {
  const state = new URLSearchParams({ from: `${from}`, rows: `${rows}`, ...(sort !== '' && { sort }) })
  return `/table/${encodeURIComponent(name ?? '')}?${state}`
}

export function csvUrl(name: string): string {
  return `/table/${encodeURIComponent(name)}.csv`
}

export function queryUrl(name: string): string {
  return `/query/${encodeURIComponent(name)}`
}
