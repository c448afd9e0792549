//! The error codes of media and what organizes them.

kernel::codes! {
    TAG_NAME_TAKEN = "TAG_NAME_TAKEN", Conflict, "Another tag has this name.";
    TAG_CYCLE = "TAG_CYCLE", Conflict, "A tag would be above itself.";
    PERSON_NAME_TAKEN = "PERSON_NAME_TAKEN", Conflict, "Another person has this name.";
    STUDIO_NAME_TAKEN = "STUDIO_NAME_TAKEN", Conflict, "Another studio has this name.";
}
