//! What every view of a job shows of it.

import { graphql } from "@/data/graphql";

export const JobRowFragment = graphql(`
  fragment JobRow on Job {
    id
    kind
    status
    title
    priority
    queue
    progress { step stepIndex stepCount done total unit fraction ratePerSecond etaSeconds message }
    error { code message }
    attempts
    createdAt
    startedAt
    finishedAt
    parent { id }
  }
`);
