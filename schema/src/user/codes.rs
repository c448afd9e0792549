//! The codes of accounts, sessions and tokens.

kernel::codes! {
    USER_NOT_FOUND = "USER_NOT_FOUND", NotFound, "No such account, or not for this viewer.";
    USER_NAME_TAKEN = "USER_NAME_TAKEN", Conflict, "Another account has this name; case makes no difference.";
    USER_LAST_ADMIN = "USER_LAST_ADMIN", Conflict, "The last administrator cannot be demoted or disabled.";
    SIGN_IN_FAILED = "SIGN_IN_FAILED", Unauthenticated, "The name or the password is wrong, or the account is disabled.";
    SIGN_IN_THROTTLED = "SIGN_IN_THROTTLED", TooMany, "Too many attempts for this account or from this address.";
    SECOND_FACTOR_NEEDED = "SECOND_FACTOR_NEEDED", Unauthenticated, "The password is right; the account asks for a code of its second factor too.";
    SECOND_FACTOR_WRONG = "SECOND_FACTOR_WRONG", Unauthenticated, "The code is not the present one of the account's second factor, or was used before.";
    SECOND_FACTOR_EXISTS = "SECOND_FACTOR_EXISTS", Conflict, "The account has a second factor; remove it first.";
    SECOND_FACTOR_NOT_BEGUN = "SECOND_FACTOR_NOT_BEGUN", Conflict, "There is no second factor to confirm; begin one first.";
    SECOND_FACTOR_SEALED = "SECOND_FACTOR_SEALED", Unavailable, "The second factor was sealed with another key; an administrator can remove it.";
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND", NotFound, "No such session, or not for this viewer.";
    SETUP_DONE = "SETUP_DONE", Conflict, "The first account exists already; sign in.";
    SETUP_CODE_WRONG = "SETUP_CODE_WRONG", Forbidden, "The one-time code is not the one that the server printed.";
    API_TOKEN_NOT_FOUND = "API_TOKEN_NOT_FOUND", NotFound, "No such API token, or not for this viewer.";
    API_TOKEN_TOO_WIDE = "API_TOKEN_TOO_WIDE", Forbidden, "A token cannot do more than who makes it.";
}
