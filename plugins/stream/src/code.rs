//! The codes of this plugin.

kernel::codes! {
    FILE_UNKNOWN = "STREAM_FILE_UNKNOWN", NotFound, "The server knows no such file any more.";
    FILE_MISSING = "STREAM_FILE_MISSING", NotFound, "The file is known, but it is not where the last scan saw it.";
    FILE_UNREADABLE = "STREAM_FILE_UNREADABLE", Unavailable, "The file is there, but the server cannot read it.";
    RANGE_UNSATISFIABLE = "STREAM_RANGE_UNSATISFIABLE", Invalid, "No part of the asked ranges is in the file.";
    PRECONDITION_FAILED = "STREAM_PRECONDITION_FAILED", Conflict, "The file is not the one the client expects.";
}
