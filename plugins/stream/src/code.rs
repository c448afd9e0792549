//! The codes of this plugin.

kernel::codes! {
    FILE_UNKNOWN = "STREAM_FILE_UNKNOWN", NotFound, "The server knows no such file any more.";
    FILE_MISSING = "STREAM_FILE_MISSING", NotFound, "The file is known, but it is not where the last scan saw it.";
    FILE_UNREADABLE = "STREAM_FILE_UNREADABLE", Unavailable, "The file is there, but the server cannot read it.";
    RANGE_UNSATISFIABLE = "STREAM_RANGE_UNSATISFIABLE", Invalid, "No part of the asked ranges is in the file.";
    RENDITION_UNKNOWN = "STREAM_RENDITION_UNKNOWN", NotFound, "Nothing like that is made of the file as it is now; ask the API for a new URL.";
    NOTHING_TO_STREAM = "STREAM_NOTHING_TO_STREAM", NotFound, "The file has no pictures or sound that could be streamed.";
    SEGMENT_BROKEN = "STREAM_SEGMENT_BROKEN", NotFound, "The file is damaged there, so that the segment cannot be made.";
    NOT_READY = "STREAM_NOT_READY", TooMany, "The segment is not ready, as the server is busy; ask again after a moment.";
    PRECONDITION_FAILED = "STREAM_PRECONDITION_FAILED", Conflict, "The file is not the one the client expects.";
}
