/** Refusals: what a condition document says that the edge does not understand, or may not answer. */

/** A refusal with its place below `where`: "all[1].value". */
export class InvalidCondition extends Error {
  /**
   * @param {string} path where in the document.
   * @param {string} problem what was expected there.
   */
  constructor(path, problem) {
    super(`${path}: ${problem}`);
    this.name = "InvalidCondition";
    this.path = path;
    this.problem = problem;
  }
}
