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
    PASSKEY_REFUSED = "PASSKEY_REFUSED", Unauthenticated, "The passkey is unknown, or what the browser says of it is not taken.";
    PASSKEY_KNOWN = "PASSKEY_KNOWN", Conflict, "This passkey is known already.";
    PASSKEY_TOO_MANY = "PASSKEY_TOO_MANY", Conflict, "The account has as many passkeys as one may have.";
    PROVIDER_OFF = "PROVIDER_OFF", NotFound, "No sign-in provider is set up.";
    PROVIDER_REFUSED = "PROVIDER_REFUSED", Unauthenticated, "The sign-in provider's answer is not taken: too late, not for this browser, or not signed by it.";
    PROVIDER_FAILED = "PROVIDER_FAILED", Unavailable, "The sign-in provider does not answer as it should.";
    PROVIDER_ACCOUNT_UNKNOWN = "PROVIDER_ACCOUNT_UNKNOWN", Forbidden, "No account here belongs to the one at the sign-in provider.";
    API_TOKEN_NOT_FOUND = "API_TOKEN_NOT_FOUND", NotFound, "No such API token, or not for this viewer.";
    API_TOKEN_TOO_WIDE = "API_TOKEN_TOO_WIDE", Forbidden, "A token cannot do more than who makes it.";
}
