//! The codes of share links.

kernel::codes! {
    SHARE_NOT_FOUND = "SHARE_NOT_FOUND", NotFound, "No such link, or not for this viewer; or it has expired or was removed.";
    SHARE_PASSWORD_NEEDED = "SHARE_PASSWORD_NEEDED", Unauthenticated, "The link has a password; send it.";
    SHARE_PASSWORD_WRONG = "SHARE_PASSWORD_WRONG", Unauthenticated, "This is not the link's password.";
}
