//! Error codes of the HTTP and GraphQL edge.

kernel::codes! {
    MALFORMED_REQUEST = "MALFORMED_REQUEST", Invalid, "The HTTP request is not a GraphQL request.";
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED", Invalid, "The HTTP method is not allowed for this.";
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE", Invalid, "None of the media types in `Accept` can be answered.";
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE", Invalid, "The body's `Content-Type` is not accepted here.";
    BODY_TOO_LARGE = "BODY_TOO_LARGE", TooLarge, "The request is longer than this server reads.";
    CROSS_SITE = "CROSS_SITE", Forbidden, "A request with a session cookie did not prove that it comes from this site.";
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED", Invalid, "The document is not GraphQL.";
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED", Invalid, "The document does not fit the schema.";
    QUERY_TOO_LARGE = "QUERY_TOO_LARGE", Invalid, "The document is longer, deeper or costs more than is allowed.";
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND", Invalid, "No document is stored under this hash; send its text once.";
    PERSISTED_QUERY_MISMATCH = "PERSISTED_QUERY_MISMATCH", Invalid, "The text does not have the hash it was sent with.";
    PROFILE_RUNNING = "PROFILE_RUNNING", Conflict, "A profile is being made; one at a time.";
    PROFILE_UNAVAILABLE = "PROFILE_UNAVAILABLE", Unavailable, "The server's allocator keeps no record of who holds memory.";
    PLUGIN_OFF = "PLUGIN_OFF", Unavailable, "The plugin whose field this is is switched off; an administrator can switch it on.";
    NO_SUCH_ROUTE = "NO_SUCH_ROUTE", NotFound, "Nothing is served at this path.";
}
