//! The error codes of media and what organizes them.

kernel::codes! {
    TAG_NAME_TAKEN = "TAG_NAME_TAKEN", Conflict, "Another tag has this name.";
    TAG_CYCLE = "TAG_CYCLE", Conflict, "A tag would be above itself.";
    PERSON_NAME_TAKEN = "PERSON_NAME_TAKEN", Conflict, "Another person has this name.";
    STUDIO_NAME_TAKEN = "STUDIO_NAME_TAKEN", Conflict, "Another studio has this name.";
    STUDIO_CYCLE = "STUDIO_CYCLE", Conflict, "A studio would belong to itself.";
    COLLECTION_EXISTS = "COLLECTION_EXISTS", Conflict, "The folder has a gallery already.";
    COLLECTION_CYCLE = "COLLECTION_CYCLE", Conflict, "A collection would be inside itself.";
    COLLECTION_IS_SMART = "COLLECTION_IS_SMART", Conflict, "A smart collection holds what its filter finds; change the filter.";
    SAVED_FILTER_NAME_TAKEN = "SAVED_FILTER_NAME_TAKEN", Conflict, "You have a saved filter with this name.";
    CUSTOM_FIELD_NAME_TAKEN = "CUSTOM_FIELD_NAME_TAKEN", Conflict, "Another custom field has this name.";
    TOO_MANY = "TOO_MANY", TooLarge, "There are as many of these as may be.";
}
