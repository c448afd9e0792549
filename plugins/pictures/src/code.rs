//! The codes of this plugin: for API errors, and for the rows that say why something could not be drawn.

kernel::codes! {
    FILE_MISSING = "PICTURES_FILE_MISSING", NotFound, "The file is not where the last scan saw it; scan its library again.";
    FILE_UNREADABLE = "PICTURES_FILE_UNREADABLE", Unavailable, "The file is there, but the server cannot read it; it is tried again later.";
    FILE_CHANGED = "PICTURES_FILE_CHANGED", Conflict, "The file is not the one that the last scan saw; scan its library again.";
    INCOMPLETE = "PICTURES_INCOMPLETE", Invalid, "A part could not be drawn; what could is there.";
    NO_ENGINE = "PICTURES_NO_ENGINE", Unavailable, "The media engine is not running, so nothing can be drawn.";
    GONE = "PICTURES_GONE", NotFound, "The picture is no longer kept; ask the API for a new URL.";
    NO_PICTURE = "PICTURES_NO_PICTURE", NotFound, "The file has no picture at that time.";
    RANGE_UNSATISFIABLE = "PICTURES_RANGE_UNSATISFIABLE", Invalid, "No part of the asked ranges is in the picture.";
    PRECONDITION_FAILED = "PICTURES_PRECONDITION_FAILED", Conflict, "The picture is not the one the client expects.";
}
