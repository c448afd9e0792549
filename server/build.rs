//! Builds the release program again when the web app that it carries was built again.

fn main() {
    // A debug build reads the folder while it runs, and need not be built again for it.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=../web/dist");
    } else {
        println!("cargo::rerun-if-changed=build.rs");
    }
}
