//! The error codes of edits.

kernel::codes! {
    EDIT_NOT_FOUND = "EDIT_NOT_FOUND", NotFound, "No such edit, or it was made too long ago to be kept.";
    EDIT_UNDONE = "EDIT_UNDONE", Conflict, "The edit was undone already.";
    EDIT_RUNNING = "EDIT_RUNNING", Conflict, "The edit's job has not ended.";
    UNDO_CONFLICT = "UNDO_CONFLICT", Conflict, "What the edit changed was changed again since; `fields` says what.";
}
