//! Moving files to the trash, shared by whoever offers it.

import { graphql } from "@/data/graphql";

export const TrashFiles = graphql(`
  mutation TrashFiles($input: TrashFilesInput!) {
    trashFiles(input: $input) { files { id status } failures { fileId code message } }
  }
`);
