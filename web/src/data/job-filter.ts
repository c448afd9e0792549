//! Which cached job lists a job belongs to, so that a new job appears in open lists without asking the server.

/** A job as far as filters look at it. */
export interface FilterableJob {
  readonly kind: string | null;
  readonly status: string | null;
  readonly queue: string | null;
}

/** Whether a job fits the `filter` argument of `jobs`; a criterion that is not understood here counts as no match. */
export function matchesJobFilter(job: FilterableJob, filter: unknown): boolean {
  if (filter == null) return true;
  if (typeof filter !== "object") return false;
  return Object.entries(filter).every(([field, criterion]) => {
    if (criterion == null) return true;
    if (field !== "kind" && field !== "status" && field !== "queue") return false;
    return matchesCriterion(job[field], criterion);
  });
}

function matchesCriterion(value: string | null, criterion: unknown): boolean {
  if (typeof criterion !== "object" || criterion === null) return false;
  return Object.entries(criterion).every(([operator, operand]) => {
    if (operand == null) return true;
    if (operator === "eq") return operand === value;
    if (operator === "in") return Array.isArray(operand) && operand.includes(value);
    return false;
  });
}
