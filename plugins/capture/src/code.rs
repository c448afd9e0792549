//! The error codes of this plugin.

kernel::codes! {
    SOURCE_NOT_FOUND = "CAPTURE_SOURCE_NOT_FOUND", NotFound, "The source does not exist, or was removed.";
    NOT_FOUND = "CAPTURE_NOT_FOUND", NotFound, "The capture does not exist.";
    ALREADY_RUNNING = "CAPTURE_ALREADY_RUNNING", Conflict, "The source is being captured already.";
    DISABLED = "CAPTURE_DISABLED", Conflict, "The source is disabled; enable it first.";
    IN_USE = "CAPTURE_IN_USE", Conflict, "The source is being captured; stop that first.";
    REFUSED = "CAPTURE_REFUSED", Forbidden, "The address of the source is none that this server may connect to.";
    SEALED = "CAPTURE_SEALED", Conflict, "The address of the source was sealed with another key; give it again.";
    UNREACHABLE = "CAPTURE_UNREACHABLE", Unavailable, "The source does not answer, or sends nothing.";
    UNSUPPORTED = "CAPTURE_UNSUPPORTED", Conflict, "What the source sends cannot be kept as it is.";
    NOT_RECORDED = "CAPTURE_NOT_RECORDED", NotFound, "Nothing is recorded that could be watched, or not any more.";
    NO_ENGINE = "CAPTURE_NO_ENGINE", Unavailable, "The media engine is not running.";
    NO_ROOM = "CAPTURE_NO_ROOM", Unavailable, "What was recorded could not be written to the data directory, or its disk is nearly full.";
}
