//! What the capture page asks for and sends.

import { graphql, type ResultOf } from "@/data/graphql";

export const CaptureSources = graphql(`
  query CaptureSources($first: Int!, $after: String) {
    captureSources(first: $first, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id name status isEnabled isContinuous schedule duration keepDays keepBytes motionThreshold lastError latestSnapshotUrl
        library { id name }
        captures(first: 5) { nodes { id status startedAt endedAt duration size liveUrl skippedFileCount lastError gaps { startedAt } media { __typename id title } } }
      }
    }
  }
`);

export type Source = ResultOf<typeof CaptureSources>["captureSources"]["nodes"][number];

export const FewLibraries = graphql(`query FewLibraries { libraries(first: 2) { nodes { id name } } }`);

export const CaptureStatus = graphql(`subscription CaptureStatus($id: ID!) { captureStatus(id: $id) { id status lastError bytesPerSecond frameRate } }`);

export const StartCapture = graphql(`mutation StartCapture($input: StartCaptureInput!) { startCapture(input: $input) { capture { id status } } }`);
export const StopCapture = graphql(`mutation StopCapture($input: StopCaptureInput!) { stopCapture(input: $input) { capture { id status duration } } }`);
export const CreateSource = graphql(`
  mutation CreateSource($input: CreateCaptureSourceInput!) { createCaptureSource(input: $input) { captureSource { id name status } } }
`);
export const UpdateSource = graphql(`
  mutation UpdateSource($input: UpdateCaptureSourceInput!) {
    updateCaptureSource(input: $input) { captureSource { id name status isEnabled isContinuous schedule duration keepDays keepBytes motionThreshold library { id name } } }
  }
`);
export const DeleteSource = graphql(`mutation DeleteSource($input: DeleteCaptureSourceInput!) { deleteCaptureSource(input: $input) { captureSourceId } }`);
