/** What a text is shown on. */
export interface Sheet {
  readonly color: boolean;
  /** Of a terminal; undefined in a pipe, where nothing is cut or folded. */
  readonly columns?: number | undefined;
}
