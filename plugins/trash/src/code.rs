//! The error codes of this plugin.

kernel::codes! {
    FILE_NOT_FOUND = "TRASH_FILE_NOT_FOUND", NotFound, "The file does not exist, or is not on the disk.";
    FILE_CHANGED = "TRASH_FILE_CHANGED", Conflict, "The file on the disk is not the one that the library knows; scan first.";
    WRONG_STATE = "TRASH_WRONG_STATE", Conflict, "The file is in the trash already, or is not in it.";
    PLACE_TAKEN = "TRASH_PLACE_TAKEN", Conflict, "Another file is where this one came from.";
    NOT_MOVED = "TRASH_NOT_MOVED", Unavailable, "The file could not be moved or removed: the folder is away or read-only.";
}
